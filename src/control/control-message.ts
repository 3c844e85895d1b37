import { isObject, type JsonObject } from '../config/layers.ts';

/** Of the protocol; a request that says another one is refused. */
export const CONTROL_VERSION = 1;
const MAX_REQUEST_CHARS = 16 * 1024;
const MAX_DEPTH = 8;
const ID = /^[\w.:-]{1,64}$/;
const METHOD = /^[a-z][a-z-]{0,31}$/;

export interface ControlRequest {
  id: string;
  method: string;
  params: JsonObject;
}

export type ErrorCode =
  'malformed' | 'version' | 'unknown' | 'not-allowed' | 'bad-params' | 'busy' | 'too-large' | 'failed';

/** What a method rejects with where the viewer is told which error it is; any other error is `failed`. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Malformed {
  /** As far as it could be read. */
  id: string | null;
  code: 'malformed' | 'version';
  problem: string;
}

/**
 * Reads a request from an untrusted viewer: `{"v": 1, "id": "…", "method": "…", "params": {…}}`, `params` where the method has any.
 * Never throws.
 */
export function readRequest(text: string): ControlRequest | Malformed {
  if (text.length > MAX_REQUEST_CHARS) return malformed(`at most ${MAX_REQUEST_CHARS} characters`);
  const message = parse(text);
  if (!message) return malformed('a JSON object with v, id, method and params');
  const { v: version, id, method, params = {}, ...others } = message;
  if (typeof id !== 'string' || !ID.test(id)) return malformed('id: 1 to 64 letters, digits and _ . : -');
  if (version !== CONTROL_VERSION) return { id, code: 'version', problem: `v: ${CONTROL_VERSION}` };
  if (typeof method !== 'string' || !METHOD.test(method)) return malformed('method: its name', id);
  if (!isObject(params)) return malformed('params: an object', id);
  if (Object.keys(others).length > 0) return malformed('nothing beside v, id, method and params', id);
  if (!isShallow(params, MAX_DEPTH)) return malformed(`params: at most ${MAX_DEPTH} levels`, id);
  return { id, method, params };
}

function malformed(problem: string, id: string | null = null): Malformed {
  return { id, code: 'malformed', problem };
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}

export function writeResult(id: string, result: JsonObject): string {
  return JSON.stringify({ v: CONTROL_VERSION, id, ok: true, result });
}

export function writeError(id: string | null, code: ErrorCode, message: string): string {
  return JSON.stringify({
    v: CONTROL_VERSION,
    id,
    ok: false,
    error: { code, message: message.slice(0, 300) },
  });
}

/** What the agent says without being asked. */
export function writeEvent(event: string, details: JsonObject): string {
  return JSON.stringify({ v: CONTROL_VERSION, event, ...details });
}
