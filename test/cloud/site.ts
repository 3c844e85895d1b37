import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AgentProcess, type LogLine } from './agent-process.ts';
import { CloudBackend } from './console/cloud-backend.ts';
import { startConsole, type Console } from './console/server.ts';
import { startLocalCloud, type LocalCloud, type LocalCloudOptions } from './local-cloud.ts';

export interface SiteOptions {
  /** `cameras` of the agent's configuration; a camera without `channelName` gets one. */
  cameras: Record<string, object>;
  /** Other keys of the agent's configuration; they replace the site's own. */
  settings?: object;
  /** The viewer page's; 0: any free one. */
  port?: number;
  /** The agent's script; default: the sources. */
  entry?: string;
  /** Put before the agent's command. */
  launcher?: readonly string[];
  environment?: Record<string, string>;
  cloud?: LocalCloudOptions;
  onLog?: (line: LogLine) => void;
}

const THING_NAME = 'demo-device';

/** The whole thing on one machine: a local cloud, its viewer page, and the agent as a device would run it. */
export class Site {
  readonly cloud: LocalCloud;
  readonly console: Console;
  readonly agent: AgentProcess;
  readonly #channels: ReadonlyMap<string, string>;

  constructor(cloud: LocalCloud, page: Console, agent: AgentProcess, channels: ReadonlyMap<string, string>) {
    this.cloud = cloud;
    this.console = page;
    this.agent = agent;
    this.#channels = channels;
  }

  /** Resolves once the agent is master of this camera's channel, or of all; to milliseconds since its start. */
  async masterConnected(camera?: string, timeoutMs = 15_000): Promise<number> {
    const names = camera === undefined ? [...this.#channels.values()] : [this.channelOf(camera)];
    const connected = Promise.all(names.map((name) => this.#masterOf(name)));
    const expired = new Promise<never>((_, reject) => {
      const fail = () =>
        reject(new Error(`the agent is not connected within ${timeoutMs} ms:\n${this.agent.tail()}`));
      AbortSignal.timeout(timeoutMs).addEventListener('abort', fail, { once: true });
    });
    const exited = this.agent.exited.then(({ code }) => {
      throw new Error(`the agent exited with code ${code} before it was connected:\n${this.agent.tail()}`);
    });
    const times = await Promise.race([connected, expired, exited]);
    return Math.max(...times) - this.agent.startedAt;
  }

  /** Epoch milliseconds of the first master on a channel, past or to come. */
  #masterOf(channelName: string): Promise<number> {
    const { events } = this.cloud;
    const [past] = events.select('connected', { role: 'MASTER', channelName });
    if (past) return Promise.resolve(past.at);
    return new Promise((resolve) => {
      const stop = events.listen((event) => {
        if (event.type !== 'connected' || event.role !== 'MASTER' || event.channelName !== channelName)
          return;
        stop();
        resolve(event.at);
      });
    });
  }

  channelOf(camera: string): string {
    const channelName = this.#channels.get(camera);
    if (channelName === undefined) throw new Error(`no camera ${camera}`);
    return channelName;
  }

  /** Agent first, so that it can say goodbye. */
  async close(): Promise<void> {
    await this.agent.stop();
    await this.console.close();
    await this.cloud.close();
  }
}

export async function startSite(options: SiteOptions): Promise<Site> {
  const cloud = await startLocalCloud(options.cloud);
  try {
    return await startOn(cloud, options);
  } catch (error) {
    await cloud.close();
    throw error;
  }
}

async function startOn(cloud: LocalCloud, options: SiteOptions): Promise<Site> {
  const device = await cloud.createDevice(THING_NAME);
  const cameras = Object.entries(options.cameras).map(([name, camera]) => {
    const channelName = `${THING_NAME}-${name}`;
    cloud.createChannel(channelName);
    return { name, channelName, camera: { channelName, ...camera } };
  });
  const channels = new Map(cameras.map(({ name, channelName }) => [name, channelName]));
  const backend = new CloudBackend({ cloud, thingName: THING_NAME, channels });
  await backend.start();
  const stateDirectory = join(cloud.directory, 'state');
  mkdirSync(stateDirectory, { recursive: true });
  const page = await startConsole(backend, options.port ?? 0);
  const settings = {
    stateDirectory,
    cameras: Object.fromEntries(cameras.map(({ name, camera }) => [name, camera])),
    ...options.settings,
  };
  const agent = new AgentProcess({
    config: cloud.agentConfig(device, settings),
    folder: cloud.directory,
    environment: { ...cloud.agentEnvironment(), ...options.environment },
    ...(options.entry === undefined ? {} : { entry: options.entry }),
    ...(options.launcher === undefined ? {} : { launcher: options.launcher }),
    onLog: (line) => {
      backend.logged(line);
      options.onLog?.(line);
    },
  });
  backend.follow(agent);
  return new Site(cloud, page, agent, channels);
}
