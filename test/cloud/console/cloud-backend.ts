import type { Server } from 'node:http';
import { describeSchema } from '../../../src/config/document.ts';
import { isObject, type JsonObject } from '../../../src/config/layers.ts';
import { shadowPatch } from '../../../src/iot/shadow-patch.ts';
import type { AgentProcess, LogLine } from '../agent-process.ts';
import type { CloudEvent } from '../event-log.ts';
import type { LocalCloud } from '../local-cloud.ts';
import { ShadowRejection } from '../shadow-document.ts';
import {
  RefusedRequest,
  type CameraSummary,
  type ConsoleBackend,
  type ConsoleEvent,
  type DeviceUsage,
  type Mishap,
  type ShadowView,
  type ViewerAccess,
} from './backend.ts';
import { Device } from './device.ts';
import { Mishaps } from './mishaps.ts';

export interface CloudBackendOptions {
  cloud: LocalCloud;
  thingName: string;
  /** Channel names by camera name. */
  channels: ReadonlyMap<string, string>;
}

const SHADOW_NAME = 'kvs-webrtc';
const TOPICS = ['metrics', 'sessions', 'alarms'] as const;

/** The console's view of the local cloud and of the one device in it. */
export class CloudBackend implements ConsoleBackend {
  readonly #options: CloudBackendOptions;
  readonly #device = new Device();
  readonly #mishaps: Mishaps;
  readonly #listeners = new Set<(event: ConsoleEvent) => void>();

  constructor(options: CloudBackendOptions) {
    this.#options = options;
    this.#mishaps = new Mishaps(options.cloud, this.#device);
    options.cloud.events.listen((event) => this.#cloudEvent(event));
  }

  /** Also listens to what the device publishes, where the cloud has an IoT Core. */
  async start(): Promise<void> {
    const { cloud, thingName } = this.#options;
    const mqtt = cloud.iotIfAny?.mqtt;
    if (!mqtt) return;
    const subscribed = TOPICS.map((kind) => {
      const handler = (_topic: string, payload: Buffer) => this.#published(kind, payload);
      return mqtt.subscribe(`kvs-webrtc/${thingName}/${kind}`, handler);
    });
    await Promise.all(subscribed);
  }

  /** The agent, once it is started. */
  follow(agent: AgentProcess): void {
    this.#device.follow(agent, (event) => this.#emit(event));
  }

  device(): DeviceUsage | undefined {
    return this.#device.usage();
  }

  /** A line of the agent's log. */
  logged({ level, msg, details }: LogLine): void {
    this.#emit({ kind: 'log', at: Date.now(), level, msg, details });
  }

  cameras(): CameraSummary[] {
    const { signaling } = this.#options.cloud;
    return [...this.#options.channels].map(([name, channelName]) => {
      const viewers = signaling.sessions(channelName).filter(({ role }) => role === 'VIEWER').length;
      return { name, channelName, online: signaling.master(channelName) !== undefined, viewers };
    });
  }

  viewerAccess(camera: string): Promise<ViewerAccess | undefined> {
    const channelName = this.#options.channels.get(camera);
    if (channelName === undefined) return Promise.resolve(undefined);
    const { channelARN, region, credentials, iceServers } = this.#options.cloud.viewerConnection(channelName);
    const servers = iceServers.map(({ Uris, Username, Password }) => ({
      urls: Uris,
      username: Username,
      credential: Password,
    }));
    return Promise.resolve({ channelARN, region, credentials, iceServers: servers });
  }

  attachViewers(server: Server): void {
    this.#options.cloud.signaling.attach(server, 'VIEWER');
  }

  shadow(): ShadowView | undefined {
    const shadows = this.#options.cloud.iotIfAny?.shadows;
    if (!shadows) return undefined;
    const { thingName } = this.#options;
    const document = shadows.get(thingName, SHADOW_NAME);
    const status = shadows.get(thingName, `${SHADOW_NAME}-status`);
    const version = document?.['version'];
    return {
      version: typeof version === 'number' ? version : 0,
      desired: section(document, 'desired'),
      reported: section(document, 'reported'),
      delta: section(document, 'delta'),
      status: section(status, 'reported'),
    };
  }

  async setDesired(desired: JsonObject): Promise<void> {
    const now = this.shadow();
    const shadows = this.#options.cloud.iotIfAny?.shadows;
    if (!now || !shadows) throw new RefusedRequest(404, 'there is no shadow service here');
    const patch = shadowPatch(now.desired, desired);
    if (!patch) return;
    try {
      await shadows.update(this.#options.thingName, SHADOW_NAME, { state: { desired: patch } });
    } catch (error) {
      if (!(error instanceof ShadowRejection)) throw error;
      throw new RefusedRequest(error.code, `the shadow service refuses this: ${error.message}`);
    }
    this.#shadowChanged(SHADOW_NAME);
  }

  schema() {
    return describeSchema();
  }

  mishaps(): Mishap[] {
    return this.#mishaps.list();
  }

  async cause(name: string): Promise<void> {
    const text = await this.#mishaps.cause(name);
    this.#emit({ kind: 'mishap', at: Date.now(), name, text });
  }

  listen(listener: (event: ConsoleEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #cloudEvent(event: CloudEvent): void {
    this.#emit({ kind: 'cloud', at: event.at, event });
    if (event.type === 'shadow' && event.operation === 'UpdateThingShadow')
      this.#shadowChanged(event.shadowName);
  }

  #shadowChanged(name: string): void {
    const shadow = this.shadow();
    if (shadow) this.#emit({ kind: 'shadow', at: Date.now(), name, shadow });
  }

  #published(kind: (typeof TOPICS)[number], bytes: Buffer): void {
    const payload: unknown = JSON.parse(bytes.toString());
    if (isObject(payload)) this.#emit({ kind, at: Date.now(), payload });
  }

  #emit(event: ConsoleEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function section(document: object | undefined, name: string): JsonObject {
  const state = isObject(document) ? document['state'] : undefined;
  const value = isObject(state) ? state[name] : undefined;
  return isObject(value) ? value : {};
}
