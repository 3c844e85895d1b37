import { isObject, type JsonObject } from './rest-api.ts';

/** What a client sends. https://docs.aws.amazon.com/kinesisvideostreams-webrtc-dg/latest/devguide/kvswebrtc-websocket-apis4.html */
export interface ClientMessage {
  action: string;
  /** Base64 of JSON. */
  messagePayload: string;
  recipientClientId: string;
  correlationId: string;
}

export interface StatusResponse {
  correlationId: string;
  success: boolean;
  errorType?: string;
  statusCode: string;
  description?: string;
}

/** Why a message is not passed on; `correlationId` where one could be read. */
export class RefusedMessage extends Error {
  override readonly name = 'RefusedMessage';
  readonly statusCode: number;
  readonly errorType: string;

  constructor(statusCode: number, errorType: string, message: string) {
    super(message);
    this.statusCode = statusCode;
    this.errorType = errorType;
  }
}

export const ID = /^[a-zA-Z0-9_.-]{1,256}$/;
const ACTIONS = new Set(['SDP_OFFER', 'SDP_ANSWER', 'ICE_CANDIDATE']);
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Reads a frame's fields, whatever case their first letter has; they are not checked yet. */
export function readFrame(text: string): ClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('the frame is no JSON');
  }
  if (!isObject(value)) throw invalid('the frame is no JSON object');
  return {
    action: field(value, 'action'),
    messagePayload: field(value, 'messagePayload'),
    recipientClientId: field(value, 'recipientClientId'),
    correlationId: field(value, 'correlationId'),
  };
}

export function checkMessage(message: ClientMessage, maxPayloadBytes: number): void {
  const { action, messagePayload, correlationId } = message;
  if (!ACTIONS.has(action)) throw invalid('unknown action');
  if (!BASE64.test(messagePayload)) throw invalid('messagePayload is no base64 text');
  if (messagePayload.length > maxPayloadBytes)
    throw invalid(`messagePayload exceeds ${maxPayloadBytes} bytes`);
  if (correlationId && !ID.test(correlationId)) throw invalid('correlationId is not valid');
}

export function invalid(text: string): RefusedMessage {
  return new RefusedMessage(400, 'InvalidArgumentException', text);
}

function field(object: JsonObject, name: string): string {
  const value = object[name] ?? object[name.charAt(0).toUpperCase() + name.slice(1)];
  return typeof value === 'string' ? value : '';
}
