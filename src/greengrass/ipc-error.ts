import { isObject } from '../config/layers.ts';
import type { EventStreamMessage } from './event-stream.ts';

const NAMESPACE = 'aws.greengrass#';
const MAX_TEXT_LENGTH = 500;

/** The nucleus answered an operation with an error. */
export class IpcError extends Error {
  override readonly name = 'IpcError';
  /** Model name without namespace: `UnauthorizedError`, `ResourceNotFoundError`, `ServiceError` … */
  readonly code: string;
  /** Nucleus lite's answer to operations that it does not have: a ServiceError that says nothing. */
  readonly isUnsupported: boolean;

  constructor(operation: string, code: string, message: string) {
    super(`${operation} was answered with ${code}${message === '' ? '' : `: ${message}`}`);
    this.code = code;
    this.isUnsupported = code === 'ServiceError' && message === '';
  }

  /** Classic sends its text as `message` and `_message`, lite as the latter only; faults of the protocol are plain. */
  static from(operation: string, { headers, payload }: EventStreamMessage): IpcError {
    const shape = headers.get('service-model-type');
    const members = parsePayload(payload);
    const said = members?.['_message'] ?? members?.message;
    const message = typeof said === 'string' ? said : members ? '' : payload.toString();
    const code = typeof shape === 'string' ? shape.replace(NAMESPACE, '') : 'an error';
    return new IpcError(operation, code, message.slice(0, MAX_TEXT_LENGTH));
  }
}

/** The JSON object that a message holds, empty where it holds nothing; undefined where it is something else. */
export function parsePayload(payload: Buffer) {
  if (payload.length === 0) return {};
  try {
    const value: unknown = JSON.parse(payload.toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
