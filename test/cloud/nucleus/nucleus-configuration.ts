import type { Configuration } from './config-store.ts';
import type { Personality } from './recipe.ts';

/** What a device was provisioned with. */
export interface DeviceSettings {
  thingName: string;
  region: string;
  roleAlias: string;
  /** `host[:port]` of the IoT credentials provider. */
  credentialsEndpoint: string;
  /** `host[:port]` of IoT Core. */
  dataEndpoint: string;
  certificatePath: string;
  /** A path, or a reference into an HSM (`pkcs11:…`). */
  privateKeyPath: string;
  rootCaPath: string;
  proxy?: { url: string; noProxyAddresses?: string };
}

/** The nucleus's own configuration, as GetConfiguration gives it out. */
export function nucleusConfiguration(device: DeviceSettings, personality: Personality): Configuration {
  const { region, roleAlias, credentialsEndpoint, dataEndpoint, proxy } = device;
  const isLite = personality === 'lite';
  return {
    awsRegion: region,
    iotRoleAlias: roleAlias,
    iotCredEndpoint: credentialsEndpoint,
    iotDataEndpoint: dataEndpoint,
    greengrassDataPlanePort: isLite ? '8443' : 8443,
    networkProxy: {
      ...(proxy ? { proxy: { url: proxy.url }, noProxyAddresses: proxy.noProxyAddresses ?? '' } : {}),
      ...(isLite && !proxy ? { proxy: { url: '' }, noProxyAddresses: '' } : {}),
    },
    runWithDefault: { posixUser: isLite ? 'gg_component:gg_component' : 'ggc_user:ggc_group' },
    ...(isLite ? {} : { componentStoreMaxSizeBytes: 10_000_000_000, mqtt: { port: 8883 }, logging: {} }),
  };
}

/** The file that names certificate, key and CA: classic's effectiveConfig.yaml, lite's config.yaml. */
export function systemYaml(device: DeviceSettings, rootPath: string, personality: Personality): string {
  const { certificatePath, privateKeyPath, rootCaPath, thingName } = device;
  const quoted = JSON.stringify;
  const name = personality === 'lite' ? 'aws.greengrass.NucleusLite' : 'aws.greengrass.Nucleus';
  return [
    '---',
    'system:',
    `  certificateFilePath: ${quoted(certificatePath)}`,
    `  privateKeyPath: ${quoted(privateKeyPath)}`,
    `  rootCaPath: ${quoted(rootCaPath)}`,
    `  ${personality === 'lite' ? 'rootPath' : 'rootpath'}: ${quoted(rootPath)}`,
    `  thingName: ${quoted(thingName)}`,
    'services:',
    `  ${name}:`,
    '    componentType: "NUCLEUS"',
    '    configuration:',
    `      awsRegion: ${quoted(device.region)}`,
    '',
  ].join('\n');
}
