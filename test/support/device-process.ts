import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AgentProcess } from '../cloud/agent-process.ts';
import type { Device, LocalCloud } from '../cloud/local-cloud.ts';

/** A picture that costs next to nothing. */
const PICTURE = {
  source: { type: 'test' },
  audio: { enabled: false },
  video: { renditions: { high: { width: 160, height: 120, fps: 5, bitrateKbps: 60 } } },
};

export interface DeviceProcessOptions {
  thingName?: string;
  camera?: object;
  /** Other keys of the configuration. */
  settings?: object;
  device?: Device;
  environment?: Record<string, string>;
}

/** A device with one camera on a channel of its own: the agent as a process, in a folder of its own. */
export class DeviceProcess {
  readonly thingName: string;
  readonly channelName: string;
  readonly agent: AgentProcess;
  readonly #cloud: LocalCloud;

  private constructor(cloud: LocalCloud, device: Device, options: DeviceProcessOptions) {
    const { camera, settings, environment } = options;
    this.#cloud = cloud;
    this.thingName = device.thingName;
    this.channelName = `${device.thingName}-front`;
    const folder = join(cloud.directory, `device-${device.thingName}`);
    const stateDirectory = join(folder, 'state');
    mkdirSync(stateDirectory, { recursive: true });
    this.agent = new AgentProcess({
      config: cloud.agentConfig(device, {
        stateDirectory,
        log: { level: 'debug' },
        cameras: { front: { channelName: this.channelName, ...PICTURE, ...camera } },
        ...settings,
      }),
      folder,
      environment: { ...cloud.agentEnvironment(), ...environment },
      // The kernel ends it should this process be killed.
      launcher: ['setpriv', '--pdeathsig', 'TERM', '--'],
    });
  }

  /** Resolves at once; await `connected()`. Started again under its name, it finds its state. */
  static async start(cloud: LocalCloud, options: DeviceProcessOptions = {}): Promise<DeviceProcess> {
    const { thingName = 'device' } = options;
    const device = options.device ?? (await cloud.createDevice(thingName));
    if (!cloud.context.channels.byName(`${thingName}-front`)) cloud.createChannel(`${thingName}-front`);
    return new DeviceProcess(cloud, device, options);
  }

  /** Resolves when it is master for the `nth` time since the cloud began. */
  async connected(nth = 1, timeoutMs = 30_000): Promise<void> {
    const { channelName } = this;
    const match = { role: 'MASTER', channelName } as const;
    await this.#cloud.events.waitFor('connected', match, { nth, timeoutMs });
  }

  /** How often the agent said so. */
  said(message: string): number {
    return this.agent.logs.filter(({ msg }) => msg === message).length;
  }
}
