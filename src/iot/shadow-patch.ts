import { isDeepStrictEqual } from 'node:util';
import { isObject, type Json, type JsonObject } from '../config/layers.ts';

/**
 * The smallest document that turns `from` into `to` when a shadow merges it: only what differs, `null` for what is
 * gone. Undefined where nothing differs. Arrays are replaced whole, as AWS IoT does.
 */
export function shadowPatch(from: JsonObject, to: JsonObject): JsonObject | undefined {
  const changes: [string, Json][] = [];
  for (const [key, value] of Object.entries(to)) {
    const old = Object.hasOwn(from, key) ? from[key] : undefined;
    if (isObject(value) && isObject(old)) {
      const inner = shadowPatch(old, value);
      if (inner) changes.push([key, inner]);
    } else if (!isDeepStrictEqual(old, value)) {
      changes.push([key, value]);
    }
  }
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(to, key)) changes.push([key, null]);
  }
  // fromEntries defines its keys: a key of `__proto__` stays a key.
  return changes.length > 0 ? Object.fromEntries(changes) : undefined;
}

/** What a shadow makes of `state` and an update: objects merge, `null` removes, everything else replaces. */
export function mergePatch(state: JsonObject, patch: JsonObject): JsonObject {
  const merged = new Map<string, Json>(Object.entries(state));
  for (const [key, value] of Object.entries(patch)) {
    const old = merged.get(key);
    if (value === null) merged.delete(key);
    else merged.set(key, isObject(value) ? mergePatch(isObject(old) ? old : {}, value) : value);
  }
  return Object.fromEntries(merged);
}
