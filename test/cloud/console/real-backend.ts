import {
  DescribeSignalingChannelCommand,
  GetSignalingChannelEndpointCommand,
  KinesisVideoClient,
} from '@aws-sdk/client-kinesis-video';
import {
  GetIceServerConfigCommand,
  KinesisVideoSignalingClient,
} from '@aws-sdk/client-kinesis-video-signaling';
import { describeSchema } from '../../../src/config/document.ts';
import type { AgentProcess, LogLine } from '../agent-process.ts';
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

/**
 * AWS itself: viewers sign with the user's own credentials, found as the AWS SDK finds them. What only the service
 * knows (viewers of a channel, shadows) is not shown, and there is nothing to break.
 */
export class RealBackend implements ConsoleBackend {
  readonly #region: string;
  readonly #control: KinesisVideoClient;
  readonly #channels: ReadonlyMap<string, string>;
  /** Cameras whose master the agent's log calls connected. */
  readonly #online = new Set<string>();
  readonly #device = new Device();
  readonly #listeners = new Set<(event: ConsoleEvent) => void>();

  /** @param channels channel names by camera name */
  constructor(region: string, channels: ReadonlyMap<string, string>) {
    this.#region = region;
    this.#channels = channels;
    this.#control = new KinesisVideoClient({ region });
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
    const { camera } = details;
    if (msg === 'connected as master' && typeof camera === 'string') this.#online.add(camera);
    this.#emit({ kind: 'log', at: Date.now(), level, msg, details });
  }

  cameras(): CameraSummary[] {
    return [...this.#channels].map(([name, channelName]) => ({
      name,
      channelName,
      online: this.#online.has(name),
      viewers: 0,
    }));
  }

  async viewerAccess(camera: string): Promise<ViewerAccess | undefined> {
    const channelName = this.#channels.get(camera);
    if (channelName === undefined) return undefined;
    try {
      return await this.#access(channelName);
    } catch (error) {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw new RefusedRequest(502, `AWS gives no access to channel "${channelName}" as a viewer: ${text}`);
    }
  }

  async #access(channelName: string): Promise<ViewerAccess> {
    const described = await this.#control.send(
      new DescribeSignalingChannelCommand({ ChannelName: channelName }),
    );
    const channelARN = described.ChannelInfo?.ChannelARN ?? '';
    const { ResourceEndpointList = [] } = await this.#control.send(
      new GetSignalingChannelEndpointCommand({
        ChannelARN: channelARN,
        SingleMasterChannelEndpointConfiguration: { Protocols: ['WSS', 'HTTPS'], Role: 'VIEWER' },
      }),
    );
    const endpointOf = (protocol: string) =>
      ResourceEndpointList.find(({ Protocol }) => Protocol === protocol)?.ResourceEndpoint ?? '';
    const [iceServers, { accessKeyId, secretAccessKey, sessionToken }] = await Promise.all([
      this.#iceServers(channelARN, endpointOf('HTTPS')),
      this.#control.config.credentials(),
    ]);
    const credentials = {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    };
    return { channelARN, region: this.#region, endpoint: endpointOf('WSS'), iceServers, credentials };
  }

  async #iceServers(channelARN: string, endpoint: string): Promise<ViewerAccess['iceServers']> {
    const client = new KinesisVideoSignalingClient({ region: this.#region, endpoint });
    const { IceServerList = [] } = await client.send(
      new GetIceServerConfigCommand({ ChannelARN: channelARN, Service: 'TURN' }),
    );
    return IceServerList.map(({ Uris = [], Username = '', Password = '' }) => ({
      urls: Uris,
      username: Username,
      credential: Password,
    }));
  }

  /** The service's own endpoint is used. */
  attachViewers(): void {}

  shadow(): ShadowView | undefined {
    return undefined;
  }

  setDesired(): Promise<void> {
    return Promise.reject(new RefusedRequest(404, 'edit the shadow in the AWS console'));
  }

  schema() {
    return describeSchema();
  }

  mishaps(): Mishap[] {
    return [];
  }

  cause(): Promise<void> {
    return Promise.reject(new RefusedRequest(404, 'nothing can be broken here'));
  }

  listen(listener: (event: ConsoleEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #emit(event: ConsoleEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
