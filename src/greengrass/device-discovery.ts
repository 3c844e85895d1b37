import { constants } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { valueAt, type JsonObject, type Layer } from '../config/layers.ts';
import { getConfiguration } from './get-configuration.ts';
import { ipcAddress } from './ipc-client.ts';
import type { IpcConnection, NucleusKind } from './ipc-connection.ts';
import { parseSystemFile, type SystemSettings } from './system-file.ts';

/** What the nucleus, its files and the environment say; all of it may be missing. */
export interface DeviceFacts {
  env: NodeJS.ProcessEnv;
  /** Configuration of aws.greengrass.Nucleus or aws.greengrass.NucleusLite. */
  nucleus: JsonObject;
  system: SystemSettings;
  /** Of the certificate, key and CA files: those that this process may read. */
  isReadable: (path: string) => boolean;
}

export interface DiscoveredDevice {
  /** To go below the component's configuration, so that whatever is set there wins. */
  layer: Layer;
  /** The proxy of the nucleus where the environment names none, as HTTPS_PROXY and NO_PROXY would say it. */
  proxy?: { url: string; noProxy: string };
  /** What a technician may want to know, e.g. why the device's key is not used. */
  notes: string[];
}

/** Where lite's configuration is on every installation; classic's is below its root. */
const LITE_FOLDER = '/etc/greengrass';

/**
 * Who this device is and how it reaches AWS, so that a recipe needs to name cameras only. Certificate and key are
 * given only where this process may read them: without, `credentials.source: auto` takes the token exchange service,
 * where the nucleus makes the same exchange.
 */
export async function discoverDevice(
  connection: IpcConnection,
  env: NodeJS.ProcessEnv,
  liteFolder = LITE_FOLDER,
): Promise<DiscoveredDevice> {
  const name = connection.nucleus === 'lite' ? 'aws.greengrass.NucleusLite' : 'aws.greengrass.Nucleus';
  const nucleus = (await getConfiguration(connection, name)) ?? {};
  const system = await readSystemFiles(await systemFiles(connection.nucleus, env, liteFolder));
  const paths = [system.certificatePath, system.privateKeyPath, system.rootCaPath, env.GG_ROOT_CA_PATH];
  const readable = new Set<string>();
  for (const path of paths) if (path && (await mayRead(path))) readable.add(path);
  return deviceLayer({ env, nucleus, system, isReadable: (path) => readable.has(path) });
}

/** Pure: what `discoverDevice` makes of the facts. */
export function deviceLayer({ env, nucleus, system, isReadable }: DeviceFacts): DiscoveredDevice {
  const notes: string[] = [];
  const setting = (...path: string[]) => text(valueAt(nucleus, path));
  const device: JsonObject = {};
  setIn(device, 'thingName', text(env.AWS_IOT_THING_NAME) ?? system.thingName);
  const rootCaPath = [system.rootCaPath, text(env.GG_ROOT_CA_PATH)].find((path) => path && isReadable(path));
  setIn(device, 'rootCaPath', rootCaPath);
  const { certificatePath, privateKeyPath } = system;
  const unusable = whyUnusable(system, isReadable);
  if (unusable !== undefined) {
    notes.push(`the device's certificate is not used: ${unusable}`);
  } else {
    setIn(device, 'certificatePath', certificatePath);
    setIn(device, 'privateKeyPath', privateKeyPath);
  }
  const region = text(env.AWS_REGION) ?? text(env.AWS_DEFAULT_REGION) ?? setting('awsRegion');
  const credentials: JsonObject = {};
  setIn(credentials, 'endpoint', setting('iotCredEndpoint'));
  setIn(credentials, 'roleAlias', setting('iotRoleAlias'));
  const values: JsonObject = {};
  setGroup(values, 'aws', region === undefined ? {} : { region });
  setGroup(values, 'device', device);
  setGroup(values, 'credentials', credentials);
  setGroup(values, 'mqtt', endpointOf(setting('iotDataEndpoint')));
  const proxyUrl = setting('networkProxy', 'proxy', 'url');
  const isInEnvironment = Boolean(env.https_proxy || env.HTTPS_PROXY || env.all_proxy || env.ALL_PROXY);
  return {
    layer: { name: 'greengrass', values },
    ...(proxyUrl !== undefined && !isInEnvironment
      ? { proxy: { url: proxyUrl, noProxy: setting('networkProxy', 'noProxyAddresses') ?? '' } }
      : {}),
    notes,
  };
}

/** Undefined where certificate and key can be used. */
function whyUnusable(
  { certificatePath, privateKeyPath }: SystemSettings,
  isReadable: (path: string) => boolean,
): string | undefined {
  if (certificatePath === undefined || privateKeyPath === undefined) {
    return "the nucleus's configuration file cannot be read by this user";
  }
  for (const path of [certificatePath, privateKeyPath]) {
    // pkcs11:… or, on lite, handle:…: the key never leaves its module.
    if (!path.startsWith('/')) return `it is in a security module (${path.split(':')[0]}:)`;
    if (!isReadable(path)) return `${path} cannot be read by this user (setfacl -m u:<user>:r ${path})`;
  }
  return undefined;
}

/** Lite reads config.yaml and then what is in config.d, where its own package puts everything. */
async function systemFiles(
  kind: NucleusKind,
  env: NodeJS.ProcessEnv,
  liteFolder: string,
): Promise<readonly string[]> {
  if (kind === 'lite') {
    const folder = join(liteFolder, 'config.d');
    const names: string[] = await readdir(folder).catch(() => []);
    const inOrder = names.toSorted((one, other) => (one < other ? -1 : 1));
    return [join(liteFolder, 'config.yaml'), ...inOrder.map((name) => join(folder, name))];
  }
  const socketPath = ipcAddress(env)?.socketPath;
  return socketPath === undefined ? [] : [join(dirname(socketPath), 'config', 'effectiveConfig.yaml')];
}

/** A later file's settings win. */
async function readSystemFiles(files: readonly string[]): Promise<SystemSettings> {
  const settings: SystemSettings = {};
  for (const file of files) {
    // Its folder is closed to components unless somebody opened it.
    const yaml = await readFile(file, 'utf8').catch(() => undefined);
    if (yaml !== undefined) Object.assign(settings, parseSystemFile(yaml));
  }
  return settings;
}

async function mayRead(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

function setIn(target: JsonObject, key: string, value: string | undefined): void {
  if (value !== undefined) target[key] = value;
}

function setGroup(values: JsonObject, name: string, group: JsonObject): void {
  if (Object.keys(group).length > 0) values[name] = group;
}

function endpointOf(endpoint: string | undefined): JsonObject {
  return endpoint === undefined ? {} : { endpoint };
}
