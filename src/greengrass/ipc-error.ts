import { errorText } from '../errors.ts';

/** The nucleus answered an operation with an error. */
export class IpcError extends Error {
  override readonly name = 'IpcError';
  /** Model name without namespace: `UnauthorizedError`, `ResourceNotFoundError`, `ServiceError` … */
  readonly code: string;
  /** Nucleus lite's answer to operations that it does not have: a ServiceError that says nothing. */
  readonly isUnsupported: boolean;

  constructor(operation: string, code: string, message: string, cause: unknown) {
    super(`${operation} was answered with ${code}${message === '' ? '' : `: ${message}`}`, { cause });
    this.code = code;
    this.isUnsupported = code === 'ServiceError' && message === '';
  }
}

/**
 * An `IpcError` where the nucleus answered; else an Error that says what could not be done. The SDK keeps of an
 * answered error the members only: classic sends `_errorCode`, `_message` and `message`, lite the first two.
 */
export function toError(operation: string, error: unknown): Error {
  const answered = property(error, 'serviceError');
  if (answered !== undefined) {
    const code = text(property(answered, '_errorCode')) ?? 'ServiceError';
    const message = text(property(answered, '_message')) ?? text(property(answered, 'message')) ?? '';
    return new IpcError(operation, code, message, undefined);
  }
  // Errors that the SDK's model does not foresee for an operation keep nothing but their name.
  const unforeseen = /unexpected response shape received: 'aws\.greengrass#(\w+)'/i.exec(
    errorText(error),
  )?.[1];
  if (unforeseen !== undefined) return new IpcError(operation, unforeseen, 'unforeseen by the SDK', error);
  // What the native client says went wrong is in a member of its own, sometimes as a bare string.
  const inner = property(error, 'internalError');
  const why = inner === undefined ? errorText(error) : `${errorText(error)} (${errorText(inner)})`;
  return new Error(`${operation} failed: ${why}`);
}

export function property(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
