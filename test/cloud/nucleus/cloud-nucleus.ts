import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device, LocalCloud } from '../local-cloud.ts';
import { MqttBroker } from './mqtt-broker.ts';
import { Nucleus, type NucleusOptions } from './nucleus.ts';
import type { DeviceSettings } from './nucleus-configuration.ts';
import type { ExchangedCredentials } from './token-exchange.ts';

/** A nucleus on a device of the local cloud: its IoT Core, its credentials provider. */
export interface CloudNucleus {
  nucleus: Nucleus;
  /** Ends the nucleus with its components, and removes its folder. */
  close(): Promise<void>;
}

type Options = Pick<NucleusOptions, 'personality' | 'secrets' | 'hurry'>;

export function startCloudNucleus(
  cloud: LocalCloud,
  device: Device,
  options: Options,
): Promise<CloudNucleus> {
  return startDeviceNucleus(settingsOf(cloud, device), options);
}

/** What a device of this cloud is provisioned with. */
export function settingsOf(cloud: LocalCloud, device: Device): DeviceSettings {
  return {
    ...device,
    region: cloud.context.region,
    roleAlias: cloud.roleAlias,
    credentialsEndpoint: cloud.credentialsEndpoint,
    dataEndpoint: cloud.iot.endpoint,
  };
}

/** Needs nothing of the cloud but its addresses: for a process of its own. */
export async function startDeviceNucleus(device: DeviceSettings, options: Options): Promise<CloudNucleus> {
  const rootPath = mkdtempSync(join(tmpdir(), 'kvs-nucleus-'));
  const { hostname, port } = new URL(`mqtts://${device.dataEndpoint}`);
  const { certificatePath, privateKeyPath, rootCaPath: caPath, thingName: clientId } = device;
  const identity = { certificatePath, privateKeyPath, caPath, clientId };
  const broker = new MqttBroker({ ...identity, hostName: hostname, port: Number(port) });
  await broker.start();
  const exchange = () => exchangeRoleAlias(device);
  const nucleus = new Nucleus({ ...options, rootPath, broker, device, exchange });
  await nucleus.start();
  const close = async () => {
    await nucleus.stop();
    await broker.stop();
    rmSync(rootPath, { recursive: true, force: true });
  };
  return { nucleus, close };
}

/** The nucleus's own role-alias exchange, with the device's certificate. */
async function exchangeRoleAlias(device: DeviceSettings): Promise<ExchangedCredentials> {
  const { thingName, certificatePath, privateKeyPath, rootCaPath, credentialsEndpoint, roleAlias } = device;
  const url = `https://${credentialsEndpoint}/role-aliases/${roleAlias}/credentials`;
  const body = await new Promise<string>((resolve, reject) => {
    const asked = request(url, {
      cert: readFileSync(certificatePath),
      key: readFileSync(privateKeyPath),
      ca: readFileSync(rootCaPath),
      headers: { 'x-amzn-iot-thingname': thingName },
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`the credentials provider answered ${response.statusCode}: ${text}`));
      });
    });
    asked.end();
  });
  const { credentials }: { credentials: ExchangedCredentials } = JSON.parse(body);
  return credentials;
}
