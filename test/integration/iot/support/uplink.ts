import { ipcAddress, IpcClient } from '../../../../src/greengrass/ipc-client.ts';
import { IpcMqtt } from '../../../../src/greengrass/ipc-mqtt.ts';
import { RefusedError, type MqttConnectionOptions } from '../../../../src/iot/mqtt-connection.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import type { LocalCloud } from '../../../cloud/local-cloud.ts';
import { startCloudNucleus } from '../../../cloud/nucleus/cloud-nucleus.ts';
import type { Personality } from '../../../cloud/nucleus/recipe.ts';
import { connected, ConnectedDevice, disconnected, quiet } from './device.ts';
import { ACCESS_CONTROL, COMPONENT } from '../../greengrass/support/bench.ts';
import { Relay } from './relay.ts';

/** How a device reaches IoT Core: by its own MQTT connection, or through a nucleus. */
export const UPLINKS = ['direct', 'classic', 'lite'] as const;
export type Uplink = (typeof UPLINKS)[number];

/** A running device whose way to IoT Core can be cut: its network, or the nucleus's socket. */
export interface LinkedDevice {
  device: ConnectedDevice;
  /** Resolves when the device has noticed. */
  cut: () => Promise<void>;
  /** Resolves when it is connected again. */
  restore: () => Promise<void>;
}

/** Resolves when connected. */
export async function startDevice(
  cloud: LocalCloud,
  thingName: string,
  uplink: Uplink,
  options: Partial<MqttConnectionOptions> = {},
): Promise<LinkedDevice> {
  const { device, open, close } =
    uplink === 'direct'
      ? await direct(cloud, thingName, options)
      : await throughNucleus(cloud, thingName, uplink, options);
  await connected(device.bus);
  return {
    device,
    cut: async () => {
      const lost = disconnected(device.bus);
      await close();
      await lost;
    },
    restore: async () => {
      await open();
      await connected(device.bus);
    },
  };
}

async function direct(cloud: LocalCloud, thingName: string, options: Partial<MqttConnectionOptions>) {
  const relay = new Relay(cloud.iot.endpoint);
  await relay.start();
  const { endpoint } = relay;
  const device = new ConnectedDevice(cloud, await cloud.createDevice(thingName), { ...options, endpoint });
  const close = () => Promise.resolve(relay.stop());
  device.endsWith(close);
  device.start();
  return { device, open: () => relay.start(), close };
}

async function throughNucleus(
  cloud: LocalCloud,
  thingName: string,
  personality: Personality,
  options: Partial<MqttConnectionOptions>,
) {
  const files = await cloud.createDevice(thingName);
  const core = await startCloudNucleus(cloud, files, { personality });
  const env = core.nucleus.addComponent(COMPONENT, { accessControl: ACCESS_CONTROL });
  const address = ipcAddress(env);
  if (!address) throw new Error('the nucleus gave no address');
  const ipc = new IpcClient({ address, clock: systemClock, log: quiet });
  const transport = new IpcMqtt({ ipc, refused: (message) => new RefusedError(message) });
  const device = new ConnectedDevice(cloud, files, { ...options, transport });
  device.endsWith(() => core.close());
  device.run('nucleus', (signal) => ipc.run(signal));
  device.start();
  return { device, open: () => core.nucleus.ipc.start(), close: () => core.nucleus.ipc.stop() };
}
