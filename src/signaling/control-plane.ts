import type { SigningCredentials } from './sigv4.ts';

/** Where temporary or static credentials come from. `get` is cheap: the provider caches. */
export interface CredentialsProvider {
  get(): Promise<SigningCredentials>;
  /** The service refused them. */
  invalidate?(): void;
}

/** Data endpoints of one channel for the role MASTER, as URLs. */
export interface ChannelEndpoints {
  wss: string;
  https: string;
  /** Where JoinStorageSession goes; only when asked for. */
  webrtc?: string;
}

/** In the W3C's terms, as an RTCConfiguration takes them. `credential` is a secret. */
export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

export interface IceServerConfig {
  servers: IceServer[];
  ttlSeconds: number;
}

/** The REST calls a master needs. Failures are ServiceErrors. */
export interface ControlPlane {
  /** Resolves when there are credentials, so that a call takes its own time only; a call waits for them, too. */
  ready(): Promise<void>;
  /** The channel's ARN. */
  describeChannel(channelName: string): Promise<string>;
  /** The new channel's ARN. */
  createChannel(channelName: string): Promise<string>;
  getEndpoints(channelArn: string, withWebrtc: boolean): Promise<ChannelEndpoints>;
  getIceServers(channelArn: string, httpsEndpoint: string): Promise<IceServerConfig>;
}

/**
 * The region's public STUN server.
 * https://docs.aws.amazon.com/kinesisvideostreams-webrtc-dg/latest/devguide/kvswebrtc-how-it-works.html
 */
export function stunServer(region: string, useDualStack = false): IceServer {
  const china = region.startsWith('cn-');
  const ipv4 = china ? 'amazonaws.com.cn' : 'amazonaws.com';
  const dualStack = china ? 'api.amazonwebservices.com.cn' : 'api.aws';
  return { urls: [`stun:stun.kinesisvideo.${region}.${useDualStack ? dualStack : ipv4}:443`] };
}
