import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startLocalCloud, type LocalCloud } from '../../../cloud/local-cloud.ts';
import { settingsOf } from '../../../cloud/nucleus/cloud-nucleus.ts';
import type { Personality } from '../../../cloud/nucleus/recipe.ts';
import { NameServer } from '../../../support/name-server.ts';
import { NetworkLab } from '../../../support/network-lab.ts';
import type { ComponentLife, DeviceOptions } from './device-process.ts';

const DEVICE = join(import.meta.dirname, 'device-process.ts');
const CLOUD_NAME = 'cloud.test';
const CLOSE_TIMEOUT_MS = 15_000;

export interface DeviceSiteOptions {
  personality: Personality;
  /** Of the component. */
  configuration: { cameras: Record<string, object> };
}

/** Nucleus and agent on a network of their own, which asks a name server for the cloud; the cloud on this machine. */
export class DeviceSite {
  readonly thingName: string;
  readonly lab: NetworkLab;
  readonly names: NameServer;
  readonly cloud: LocalCloud;
  readonly #device: ChildProcess;

  private constructor(lab: NetworkLab, names: NameServer, cloud: LocalCloud, options: DeviceOptions) {
    this.lab = lab;
    this.names = names;
    this.cloud = cloud;
    this.thingName = options.settings.thingName;
    const [program, ...args] = [...lab.launcher, process.execPath, DEVICE, JSON.stringify(options)];
    this.#device = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  }

  static async start({ personality, configuration }: DeviceSiteOptions): Promise<DeviceSite> {
    const lab = NetworkLab.create({ asksForNames: true });
    const address = lab.hostIpv4;
    const names = await NameServer.start(address, CLOUD_NAME, address);
    const cloud = await startLocalCloud({ iotCore: true, host: { name: CLOUD_NAME, address } });
    const thingName = `site-${personality}`;
    for (const camera of Object.keys(configuration.cameras)) cloud.createChannel(`${thingName}-${camera}`);
    const settings = settingsOf(cloud, await cloud.createDevice(thingName));
    const environment = {
      ...cloud.agentEnvironment(),
      KVS_STATE_DIRECTORY: join(cloud.directory, 'state'),
    };
    return new DeviceSite(lab, names, cloud, { personality, settings, configuration, environment });
  }

  /** How the component fares. */
  life(): Promise<ComponentLife> {
    return this.#ask('life');
  }

  /** The nucleus stops the component. */
  stop(): Promise<ComponentLife> {
    return this.#ask('stop');
  }

  async close(): Promise<void> {
    const ended = once(this.#device, 'exit');
    this.#device.disconnect();
    const timer = setTimeout(() => this.#device.kill('SIGKILL'), CLOSE_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
    await this.cloud.close();
    this.names.close();
    this.lab.close();
  }

  async #ask(message: 'life' | 'stop'): Promise<ComponentLife> {
    this.#device.send(message);
    const [life]: ComponentLife[] = await once(this.#device, 'message');
    if (!life) throw new Error('the device said nothing');
    return life;
  }
}
