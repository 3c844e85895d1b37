import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device, LocalCloud } from '../local-cloud.ts';
import { MqttBroker } from './mqtt-broker.ts';
import { Nucleus, type NucleusOptions } from './nucleus.ts';
import type { ExchangedCredentials } from './token-exchange.ts';

/** A nucleus on a device of the local cloud: its IoT Core, its credentials provider. */
export interface CloudNucleus {
  nucleus: Nucleus;
  /** Ends the nucleus with its components, and removes its folder. */
  close(): Promise<void>;
}

export async function startCloudNucleus(
  cloud: LocalCloud,
  device: Device,
  options: Pick<NucleusOptions, 'personality' | 'secrets' | 'hurry'>,
): Promise<CloudNucleus> {
  const rootPath = mkdtempSync(join(tmpdir(), 'kvs-nucleus-'));
  const { hostname, port } = new URL(`mqtts://${cloud.iot.endpoint}`);
  const { rootCaPath, ...identity } = device;
  const broker = new MqttBroker({
    ...identity,
    clientId: device.thingName,
    hostName: hostname,
    port: Number(port),
    caPath: rootCaPath,
  });
  await broker.start();
  const nucleus = new Nucleus({
    ...options,
    rootPath,
    broker,
    device: {
      ...device,
      region: cloud.context.region,
      roleAlias: cloud.roleAlias,
      credentialsEndpoint: cloud.credentialsEndpoint,
      dataEndpoint: cloud.iot.endpoint,
    },
    exchange: () => exchange(cloud, device),
  });
  await nucleus.start();
  const close = async () => {
    await nucleus.stop();
    await broker.stop();
    rmSync(rootPath, { recursive: true, force: true });
  };
  return { nucleus, close };
}

/** The nucleus's own role-alias exchange, with the device's certificate. */
async function exchange(cloud: LocalCloud, device: Device): Promise<ExchangedCredentials> {
  const { thingName, certificatePath, privateKeyPath, rootCaPath } = device;
  const url = `https://${cloud.credentialsEndpoint}/role-aliases/${cloud.roleAlias}/credentials`;
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
