import { EMPTY_PAYLOAD_HASH, presignQuery, type SigningCredentials } from './sigv4.ts';

export interface MasterUrlParameters {
  /** `wss://host[:port][/path]` from GetSignalingChannelEndpoint for the role MASTER: the endpoint decides the role. */
  endpoint: string;
  channelArn: string;
  region: string;
  credentials: SigningCredentials;
  /** The service's time, that is the device's corrected for its offset. Tolerance ±5 minutes. */
  date: Date;
}

const EXPIRES_SECONDS = 299;

/**
 * The URL a master's WebSocket opens (ConnectAsMaster). It is a credential: never log it.
 * https://docs.aws.amazon.com/kinesisvideostreams-webrtc-dg/latest/devguide/kvswebrtc-websocket-apis-2.html
 */
export function masterUrl(parameters: MasterUrlParameters): string {
  const { endpoint, channelArn, region, credentials, date } = parameters;
  const url = new URL(endpoint);
  const query = presignQuery(
    {
      method: 'GET',
      path: url.pathname,
      query: [['X-Amz-ChannelARN', channelArn], ...url.searchParams],
      headers: { host: url.host },
      payloadHash: EMPTY_PAYLOAD_HASH,
    },
    credentials,
    { region, service: 'kinesisvideo', date },
    EXPIRES_SECONDS,
  );
  return `${url.protocol}//${url.host}${url.pathname}?${query}`;
}
