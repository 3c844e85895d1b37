import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { CloudContext } from './context.ts';
import { cloudNow } from './context.ts';
import type { Fault } from './faults.ts';

/** An answer that is not 2xx: `x-amzn-ErrorType` and `{"message"}` as AWS's REST services send it. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly status: number;
  readonly errorType: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, errorType: string, message: string, retryAfterSeconds?: number) {
    super(message);
    this.status = status;
    this.errorType = errorType;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const GARBAGE = '<html><body>504 Gateway</body>';

export function success(body: object, context: CloudContext): Answer {
  return answer(200, JSON.stringify(body), context);
}

export function garbage(context: CloudContext): Answer {
  return answer(200, GARBAGE, context);
}

export function failure(error: unknown, context: CloudContext): Answer & { errorType: string } {
  const known =
    error instanceof ServiceError ? error : new ServiceError(500, 'InternalFailure', 'Internal failure');
  const { status, errorType, message, retryAfterSeconds } = known;
  // KVS models its errors with `Message`, the gateway in front of it with `message`: SDKs read both.
  const result = answer(status, JSON.stringify({ message, Message: message }), context);
  result.headers['x-amzn-ErrorType'] = errorType;
  if (retryAfterSeconds !== undefined) result.headers['Retry-After'] = String(retryAfterSeconds);
  return { ...result, errorType };
}

function answer(status: number, body: string, context: CloudContext): Answer {
  return {
    status,
    body,
    headers: {
      Date: new Date(cloudNow(context)).toUTCString(),
      'Content-Type': 'application/json',
      'Content-Length': String(Buffer.byteLength(body)),
      'x-amzn-RequestId': randomUUID(),
    },
  };
}

export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, headers).end(body);
}

/**
 * Lets a fault happen to a request: `go-on` (perhaps late), `garbage` (answer with that) or `ended` (no answer will
 * follow); throws the error it asks for.
 */
export async function meetFault(
  fault: Fault | undefined,
  socket: Duplex,
): Promise<'go-on' | 'garbage' | 'ended'> {
  if (!fault) return 'go-on';
  switch (fault.kind) {
    case 'delay':
      await delay(fault.delayMs, undefined, { ref: false });
      return 'go-on';
    case 'hang':
      return 'ended';
    case 'drop':
      socket.destroy();
      return 'ended';
    case 'garbage':
      return 'garbage';
    default:
      throw new ServiceError(
        fault.status,
        fault.errorType,
        fault.message ?? fault.errorType,
        fault.retryAfterSeconds,
      );
  }
}
