import type { IncomingMessage } from 'node:http';
import type { Agent } from 'node:https';
import { WebSocket } from 'ws';
import type { ServiceRefusal } from './service-error.ts';

/** Starts to open a WebSocket; the URL is a credential. */
export type OpenSocket = (url: string) => WebSocket;

/** The service sends far smaller frames; what is larger than the codec takes is counted, not a reason to close. */
const MAX_FRAME_BYTES = 1_048_576;
const MAX_REFUSAL_BYTES = 4_096;

/** Real WebSockets. `agent` carries proxies and certificate authorities. */
export function socketOpener(agent?: Agent): OpenSocket {
  return (url) =>
    new WebSocket(url, {
      ...(agent === undefined ? {} : { agent }),
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      // Broken UTF-8 from a viewer must not close the master's connection; the codec refuses it.
      skipUTF8Validation: true,
    });
}

/** What the service answered instead of an upgrade. Resolves at the end of its (bounded) body. */
export async function readRefusal(response: IncomingMessage): Promise<ServiceRefusal> {
  const { statusCode, headers } = response;
  // The header's value may go on with a colon and a URL.
  const errorType = String(headers['x-amzn-errortype'] ?? '').split(':', 1)[0];
  const refusal = { statusCode, errorType, retryAfter: headers['retry-after'] };
  let body = '';
  try {
    response.setEncoding('utf8');
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > MAX_REFUSAL_BYTES) break;
    }
    const parsed: unknown = JSON.parse(body);
    return { ...refusal, message: messageOf(parsed) };
  } catch {
    // Cut off or no JSON (a proxy's page): the status says enough.
    return refusal;
  }
}

function messageOf(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { message, Message } = body as { message?: unknown; Message?: unknown };
  return typeof message === 'string' ? message : typeof Message === 'string' ? Message : '';
}
