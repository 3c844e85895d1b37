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

export interface EndpointFlags {
  useFips: boolean;
  useDualStack: boolean;
}

/**
 * Host of the REST calls, as the AWS SDK chooses it, for those who want to know it without the SDK.
 * https://docs.aws.amazon.com/general/latest/gr/akv.html
 */
export function controlHost(region: string, { useFips, useDualStack }: EndpointFlags): string {
  return `kinesisvideo${useFips ? '-fips' : ''}.${region}.${domain(region, useDualStack)}`;
}

/**
 * The region's public STUN server.
 * https://docs.aws.amazon.com/kinesisvideostreams-webrtc-dg/latest/devguide/kvswebrtc-how-it-works.html
 */
export function stunServer(region: string, useDualStack = false): IceServer {
  return { urls: [`stun:stun.kinesisvideo.${region}.${domain(region, useDualStack)}:443`] };
}

function domain(region: string, useDualStack: boolean): string {
  const china = region.startsWith('cn-');
  if (useDualStack) return china ? 'api.amazonwebservices.com.cn' : 'api.aws';
  return china ? 'amazonaws.com.cn' : 'amazonaws.com';
}
