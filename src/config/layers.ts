/** What a JSON document can hold. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** One source of settings, named for messages: `file /etc/kvs.json`, `environment`, `shadow`. */
export interface Layer {
  name: string;
  /** The document, nested as the configuration is. `null` removes what the layers below have set. */
  values: JsonObject;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keys that reach into an object's prototype. They are faults (`checkKeyNames`) and never merged. */
export function isHostileKey(key: string): boolean {
  return key in Object.prototype || key === 'prototype';
}

/**
 * One document of all layers, the last one winning: objects are merged key by key; scalars, arrays, sources,
 * secrets and actions are replaced; `null` removes. The result shares nothing with the layers and holds no `null` outside arrays.
 */
export function mergeLayers(layers: readonly Layer[]): JsonObject {
  const merged: JsonObject = {};
  for (const { values } of layers) mergeInto(merged, values, []);
  return merged;
}

function mergeInto(target: JsonObject, from: JsonObject, path: readonly string[]): void {
  for (const [key, value] of Object.entries(from)) {
    if (isHostileKey(key)) continue;
    const at = [...path, key];
    if (value === null) {
      delete target[key];
    } else if (isObject(value)) {
      const below = target[key];
      const base = isObject(below) && !isReplacedWhole(at) ? below : {};
      mergeInto(base, value, at);
      target[key] = base;
    } else {
      target[key] = structuredClone(value);
    }
  }
}

const REPLACED_WHOLE = new Set(['sources', 'secrets', 'actions']);

/**
 * A source, a secret or an action is one thing: its keys mean something only together. Merged, an upper layer's URL
 * would be called with the credentials that a lower layer gave for another host.
 */
function isReplacedWhole(path: readonly string[]): boolean {
  const [section] = path;
  if (section === 'cameras') return path.length === 3 && path[2] === 'source';
  return path.length === 2 && REPLACED_WHOLE.has(section ?? '');
}

/** The name of the uppermost layer that says something at `path` or at its nearest parent; else `defaults`. */
export function originOf(layers: readonly Layer[], path: readonly string[]): string {
  for (let length = path.length; length > 0; length -= 1) {
    const at = path.slice(0, length);
    const layer = layers.findLast(({ values }) => valueAt(values, at) !== undefined);
    if (layer) return layer.name;
  }
  return 'defaults';
}

/** The value at `path`, own keys only; undefined where there is none. */
export function valueAt(values: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = values;
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}
