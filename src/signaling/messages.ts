/**
 * The frames of the Kinesis Video Streams signaling WebSocket, both ways.
 * https://docs.aws.amazon.com/kinesisvideostreams-webrtc-dg/latest/devguide/kvswebrtc-websocket-apis.html
 */

/** RTCIceCandidateInit. An empty `candidate` is the end-of-candidates mark. */
export interface IceCandidate {
  candidate: string;
  sdpMid?: string;
  sdpMLineIndex?: number;
  usernameFragment?: string;
}

/** The service's verdict on a message that carried a correlation id. */
export interface StatusResponse {
  correlationId: string;
  success: boolean;
  statusCode: string;
  errorType: string;
  description: string;
}

/** `clientId` is the sender; empty for a storage session, whose frames name none. */
export type SignalingMessage =
  | { type: 'SDP_OFFER' | 'SDP_ANSWER'; clientId: string; sdp: string }
  | { type: 'ICE_CANDIDATE'; clientId: string; candidate: IceCandidate }
  | { type: 'GO_AWAY' }
  | { type: 'RECONNECT_ICE_SERVER' }
  | { type: 'STATUS_RESPONSE'; status: StatusResponse };

/** Why a frame was dropped. */
export type SignalingFault =
  'too-large' | 'not-json' | 'unknown-type' | 'bad-client-id' | 'bad-base64' | 'bad-payload';

export type Decoded = { message: SignalingMessage } | { fault: SignalingFault };

/** The service's limit is 10 k for a payload; this leaves room for base64 and the envelope, many times over. */
const MAX_FRAME_BYTES = 65_536;
const MAX_CANDIDATE_CHARS = 2_048;
const MAX_TEXT_CHARS = 1_024;
const CLIENT_ID = /^[a-zA-Z0-9_.-]{1,256}$/;
/** Both alphabets, padding optional: the Android viewer SDK sends URL-safe base64 without padding. */
const BASE64 = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/;

class FrameFault extends Error {
  override readonly name = 'FrameFault';
  readonly fault: SignalingFault;
  constructor(fault: SignalingFault) {
    super(fault);
    this.fault = fault;
  }
}

/** Never throws: whatever a viewer sends is a message or a fault. */
export function decode(frame: string | Buffer): Decoded {
  try {
    if (Buffer.byteLength(frame) > MAX_FRAME_BYTES) return { fault: 'too-large' };
    return { message: decodeEnvelope(parseObject(frame.toString(), 'not-json')) };
  } catch (error) {
    return { fault: error instanceof FrameFault ? error.fault : 'bad-payload' };
  }
}

function decodeEnvelope(envelope: object): SignalingMessage {
  const type = field(envelope, 'messageType');
  switch (type) {
    case 'SDP_OFFER':
    case 'SDP_ANSWER':
      return { type, clientId: clientIdOf(envelope), sdp: decodeSdp(type, payloadOf(envelope)) };
    case 'ICE_CANDIDATE':
      return { type, clientId: clientIdOf(envelope), candidate: decodeCandidate(payloadOf(envelope)) };
    case 'GO_AWAY':
    case 'RECONNECT_ICE_SERVER':
      return { type };
    case 'STATUS_RESPONSE':
      return { type, status: decodeStatus(field(envelope, 'statusResponse')) };
    default:
      throw new FrameFault('unknown-type');
  }
}

function clientIdOf(envelope: object): string {
  const clientId = field(envelope, 'senderClientId') ?? '';
  if (clientId === '') return '';
  if (typeof clientId !== 'string' || !CLIENT_ID.test(clientId)) throw new FrameFault('bad-client-id');
  return clientId;
}

function payloadOf(envelope: object): object {
  const payload = field(envelope, 'messagePayload');
  if (typeof payload !== 'string' || !isBase64(payload)) throw new FrameFault('bad-base64');
  return parseObject(Buffer.from(payload, 'base64').toString(), 'bad-payload');
}

/** Strict, as Buffer.from skips whatever is not base64. */
function isBase64(encoded: string): boolean {
  if (encoded === '' || !BASE64.test(encoded)) return false;
  return encoded.endsWith('=') ? encoded.length % 4 === 0 : encoded.length % 4 !== 1;
}

function decodeSdp(type: 'SDP_OFFER' | 'SDP_ANSWER', payload: object): string {
  const sdp = field(payload, 'sdp');
  if (typeof sdp !== 'string' || sdp === '') throw new FrameFault('bad-payload');
  const named = field(payload, 'type');
  const expected = type === 'SDP_OFFER' ? 'offer' : 'answer';
  if (typeof named === 'string' && named.toLowerCase() !== expected) throw new FrameFault('bad-payload');
  return sdp;
}

function decodeCandidate(payload: object): IceCandidate {
  const text = field(payload, 'candidate');
  if (typeof text !== 'string' || text.length > MAX_CANDIDATE_CHARS) throw new FrameFault('bad-payload');
  const candidate: IceCandidate = { candidate: text };
  const sdpMid = optionalText(payload, 'sdpMid');
  if (sdpMid !== undefined) candidate.sdpMid = sdpMid;
  const usernameFragment = optionalText(payload, 'usernameFragment');
  if (usernameFragment !== undefined) candidate.usernameFragment = usernameFragment;
  const index = field(payload, 'sdpMLineIndex');
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= 255) {
    candidate.sdpMLineIndex = index;
  } else if (index !== undefined) {
    throw new FrameFault('bad-payload');
  }
  return candidate;
}

function decodeStatus(value: unknown): StatusResponse {
  if (typeof value !== 'object' || value === null) throw new FrameFault('bad-payload');
  const statusCode = textOf(field(value, 'statusCode'));
  const success = field(value, 'success');
  return {
    correlationId: textOf(field(value, 'correlationId')),
    success: typeof success === 'boolean' ? success : statusCode.startsWith('2'),
    statusCode,
    errorType: textOf(field(value, 'errorType')),
    description: textOf(field(value, 'description')),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, MAX_TEXT_CHARS) : '';
}

function optionalText(object: object, name: string): string | undefined {
  const value = field(object, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.length > MAX_TEXT_CHARS) throw new FrameFault('bad-payload');
  return value;
}

/** An own member, under its name or with a capital (some clients); `null` counts as absent. */
function field(object: object, name: string): unknown {
  const own = Object.getOwnPropertyDescriptor(object, name)?.value as unknown;
  if (own !== undefined && own !== null) return own;
  const capitalised = name.charAt(0).toUpperCase() + name.slice(1);
  return (Object.getOwnPropertyDescriptor(object, capitalised)?.value as unknown) ?? undefined;
}

function parseObject(json: string, fault: SignalingFault): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new FrameFault(fault);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FrameFault(fault);
  return value;
}

/**
 * An offer or answer as a frame. `recipientClientId` is empty towards a storage session.
 * With a correlation id (`[a-zA-Z0-9_.-]{1,256}`) the service answers with a STATUS_RESPONSE.
 */
export function encodeSdp(
  type: 'SDP_OFFER' | 'SDP_ANSWER',
  recipientClientId: string,
  sdp: string,
  correlationId: string,
): string {
  const payload = { type: type === 'SDP_OFFER' ? 'offer' : 'answer', sdp };
  return encode(type, recipientClientId, payload, correlationId);
}

export function encodeCandidate(recipientClientId: string, candidate: IceCandidate): string {
  return encode('ICE_CANDIDATE', recipientClientId, candidate, '');
}

function encode(action: string, recipientClientId: string, payload: object, correlationId: string): string {
  return JSON.stringify({
    action,
    messagePayload: Buffer.from(JSON.stringify(payload)).toString('base64'),
    recipientClientId: recipientClientId || undefined,
    correlationId: correlationId || undefined,
  });
}
