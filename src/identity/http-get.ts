import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { within, type Clock } from '../runtime/clock.ts';

export interface HttpAnswer {
  status: number;
  body: string;
  /** The server's `Date` header, epoch milliseconds, whole seconds. */
  serverTimeMs?: number;
}

export interface HttpGetOptions extends RequestOptions {
  clock: Clock;
  /** For all of it, from the name's look-up to the last byte. */
  timeoutMs: number;
}

/** Far more than any credentials answer; a wrong server must not fill the memory. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * One GET with a time limit over all of it and a bounded answer. Rejects with the network's own error as `cause`.
 * `options` may hold TLS keys and an agent.
 */
export async function httpGet(url: URL, options: HttpGetOptions): Promise<HttpAnswer> {
  const { clock, timeoutMs, ...requestOptions } = options;
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const request = send(url, { ...requestOptions, method: 'GET' });
  // The last error of a request that was given up must not become an uncaught one.
  request.on('error', () => {});
  try {
    return await within(clock, timeoutMs, `${url.host} did not answer`, answerOf(request, url.host));
  } finally {
    request.destroy();
  }
}

async function answerOf(request: ClientRequest, host: string): Promise<HttpAnswer> {
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject).end();
    });
    return toAnswer(response, await readBody(response));
  } catch (cause) {
    throw new Error(`the connection to ${host} failed`, { cause });
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error(`the answer is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function toAnswer(response: IncomingMessage, body: string): HttpAnswer {
  const date = Date.parse(response.headers.date ?? '');
  return { status: response.statusCode ?? 0, body, ...(Number.isNaN(date) ? {} : { serverTimeMs: date }) };
}

/** The JSON object in a body; undefined where it is none. */
export function jsonObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** What the server says about its refusal: the `message` of a JSON body, bounded. Other bodies are not repeated. */
export function refusalText(body: string): string {
  const { message, Message } = jsonObject(body) ?? {};
  const said = typeof message === 'string' ? message : Message;
  return typeof said === 'string' && said !== '' ? `: ${said.slice(0, 200)}` : '';
}
