import { isObject, type JsonObject } from '../config/layers.ts';

/** The JSON object that a message holds; undefined where it holds anything else, or more than `maxBytes`. */
export function parseMessage(payload: Uint8Array, maxBytes: number): JsonObject | undefined {
  if (payload.byteLength > maxBytes) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
