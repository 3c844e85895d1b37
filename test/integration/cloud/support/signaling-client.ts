import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import type { SignalingRole } from '../../../cloud/channels.ts';
import type { StoredCredentials } from '../../../cloud/credentials-store.ts';
import type { LocalCloud } from '../../../cloud/local-cloud.ts';

export interface Signing {
  credentials?: Pick<StoredCredentials, 'accessKeyId' | 'secretAccessKey' | 'sessionToken'>;
  date?: Date;
  expiresSeconds?: number;
  region?: string;
}

/**
 * A presigned WebSocket URL, signed step by step as AWS documents it: independent of the signer that the cloud
 * verifies with. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presign(endpoint: string, parameters: Record<string, string>, signing: Signing): string {
  const { host } = new URL(endpoint);
  const date = (signing.date ?? new Date()).toISOString().replace(/[-:]|\.\d+/g, '');
  const { accessKeyId = '', secretAccessKey = '', sessionToken } = signing.credentials ?? {};
  const scope = [date.slice(0, 8), signing.region ?? 'us-west-2', 'kinesisvideo', 'aws4_request'];
  const query = Object.entries({
    ...parameters,
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': [accessKeyId, ...scope].join('/'),
    'X-Amz-Date': date,
    'X-Amz-Expires': String(signing.expiresSeconds ?? 299),
    'X-Amz-SignedHeaders': 'host',
    ...(sessionToken ? { 'X-Amz-Security-Token': sessionToken } : {}),
  })
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .toSorted()
    .join('&');
  const canonicalRequest = ['GET', '/', query, `host:${host}`, '', 'host', sha256('')].join('\n');
  const stringToSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonicalRequest)].join('\n');
  const key = scope.reduce<Buffer>(
    (secret, part) => hmac(secret, part),
    Buffer.from(`AWS4${secretAccessKey}`),
  );
  return `${endpoint}/?${query}&X-Amz-Signature=${hmac(key, stringToSign).toString('hex')}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

export interface ReceivedFrame {
  messageType: string;
  /** Decoded from base64 and JSON; undefined where empty. */
  payload: unknown;
  senderClientId: string | undefined;
  statusResponse:
    { correlationId: string; success: boolean; statusCode: string; errorType?: string } | undefined;
}

/** The handshake's refusal. */
export interface Refusal {
  status: number;
  errorType: string;
  body: string;
  date: string;
}

/** A bare client: sends and receives frames, nothing else. */
export class SignalingClient {
  readonly socket: WebSocket;
  readonly frames: ReceivedFrame[] = [];
  readonly closed: Promise<number>;

  constructor(url: string, caPath: string) {
    this.socket = new WebSocket(url, { ca: readFileSync(caPath) });
    this.closed = new Promise((resolve) => this.socket.once('close', (code) => resolve(code)));
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data: Buffer) => {
      this.frames.push(decode(data.toString()));
      this.socket.emit('frame');
    });
  }

  async opened(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  async refusal(): Promise<Refusal> {
    return new Promise((resolve, reject) => {
      this.socket.once('open', () => reject(new Error('the connection was accepted')));
      this.socket.once('unexpected-response', (_, response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            errorType: String(response.headers['x-amzn-errortype']),
            date: String(response.headers.date),
            body,
          }),
        );
      });
    });
  }

  send(action: string, payload: unknown, others: Record<string, string> = {}): void {
    const messagePayload = Buffer.from(JSON.stringify(payload)).toString('base64');
    this.socket.send(JSON.stringify({ action, messagePayload, ...others }));
  }

  /** The frame at `index` of all received, once it is there. */
  async frame(index = 0): Promise<ReceivedFrame> {
    for (;;) {
      const frame = this.frames[index];
      if (frame) return frame;
      await once(this.socket, 'frame', { signal: AbortSignal.timeout(5000) });
    }
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

function decode(text: string): ReceivedFrame {
  const frame = JSON.parse(text);
  const { messageType, messagePayload, senderClientId, statusResponse } = frame;
  const payload = messagePayload ? JSON.parse(Buffer.from(messagePayload, 'base64').toString()) : undefined;
  return { messageType, payload, senderClientId, statusResponse };
}

export interface ConnectOptions extends Signing {
  channelName?: string;
  clientId?: string;
  /** Changes the URL after it was signed. */
  tamper?: (url: string) => string;
}

/** Not yet open: await `opened()` or `refusal()`. */
export function connect(
  cloud: LocalCloud,
  role: SignalingRole,
  options: ConnectOptions = {},
): SignalingClient {
  const { channelName = 'front', clientId = 'viewer-1', tamper = (url: string) => url } = options;
  const service = role === 'MASTER' ? cloud.services.masterSignaling : cloud.services.viewerSignaling;
  const parameters = {
    'X-Amz-ChannelARN': cloud.context.channels.byName(channelName)?.arn ?? 'arn:none',
    ...(role === 'VIEWER' ? { 'X-Amz-ClientId': clientId } : {}),
  };
  const signing = { credentials: cloud.viewerCredentials, ...options };
  const url = presign(`wss://localhost:${service.port}`, parameters, signing);
  return new SignalingClient(tamper(url), cloud.caPath);
}
