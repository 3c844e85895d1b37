import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { CloudContext } from './context.ts';
import type { Operation } from './faults.ts';
import {
  failure,
  garbage,
  meetFault,
  sendAnswer,
  ServiceError,
  success,
  type Answer,
} from './service-error.ts';
import { verifySignedRequest } from './sigv4-verify.ts';

export type JsonObject = Record<string, unknown>;

export interface Route {
  operation: Operation;
  /** Names the resource for the event log; empty where the request does not say. */
  resource(body: JsonObject): string;
  handle(body: JsonObject): object;
}

const MAX_BODY_BYTES = 1_000_000;

/** An AWS REST JSON service: faults, Signature Version 4, routes by path (all POST), event log. */
export function restApi(routes: ReadonlyMap<string, Route>, context: CloudContext): RequestListener {
  return (request, response) => {
    void serve(routes, context, request, response);
  };
}

async function serve(
  routes: ReadonlyMap<string, Route>,
  context: CloudContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const route = request.method === 'POST' ? routes.get(request.url ?? '') : undefined;
  const operation = route?.operation ?? 'Unknown';
  let resource = '';
  const finish = (answer: Answer, errorType = '') => {
    context.events.add({ type: 'request', operation, status: answer.status, errorType, resource });
    sendAnswer(response, answer);
  };
  try {
    const body = await readBody(request);
    const { method = '', url = '', headers } = request;
    resource = route?.resource(tryParse(body) ?? {}) ?? '';
    const outcome = await meetFault(context.faults.take(operation), request.socket);
    if (outcome === 'ended') {
      context.events.add({ type: 'request', operation, status: 0, errorType: '', resource });
      return;
    }
    if (outcome === 'garbage') return finish(garbage(context));
    await verifySignedRequest({ method, url, headers, body }, context);
    if (!route) throw new ServiceError(404, 'UnknownOperationException', `no operation at ${url}`);
    const parsed = tryParse(body);
    if (!parsed) throw new ServiceError(400, 'SerializationException', 'the body is no JSON object');
    finish(success(route.handle(parsed), context));
  } catch (error) {
    // The client went away while its request was read.
    if (request.destroyed && !request.complete) return;
    const answer = failure(error, context);
    finish(answer, answer.errorType);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES)
      throw new ServiceError(413, 'RequestEntityTooLargeException', 'body too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tryParse(body: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
