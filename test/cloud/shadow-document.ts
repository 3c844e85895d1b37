import { isDeepStrictEqual } from 'node:util';
import { isObject, type JsonObject } from './rest-api.ts';

/** Why a request is rejected: the codes and texts of https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html */
export class ShadowRejection extends Error {
  override readonly name = 'ShadowRejection';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

type SectionName = 'desired' | 'reported';
const SECTIONS: readonly SectionName[] = ['desired', 'reported'];
const MAX_DOCUMENT_BYTES = 8192;
const MAX_LEVELS = 8;

interface Snapshot {
  state: JsonObject;
  metadata: JsonObject;
  version: number;
}

export interface Update {
  /** What was sent, with the metadata of the keys sent. */
  accepted: Snapshot;
  /** Where desired and reported differ after it. */
  delta: Snapshot | undefined;
  previous: Snapshot;
  current: Snapshot;
}

/**
 * One shadow's state: merged as https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html
 * says. Objects have no prototype, so that any key, `__proto__` too, is only a key.
 */
export class ShadowDocument {
  #state: Partial<Record<SectionName, JsonObject>> = {};
  #metadata: Partial<Record<SectionName, JsonObject>> = {};
  #version = 0;
  #exists = false;

  get exists(): boolean {
    return this.#exists;
  }

  get version(): number {
    return this.#version;
  }

  /** The answer to `get`: with the delta inside the state. */
  get(): Snapshot {
    const { state, metadata, version } = this.#snapshot();
    const delta = this.#delta();
    return { state: delta ? { ...state, delta: delta.state } : state, metadata, version };
  }

  /** `seconds` is the timestamp of the metadata. All or nothing. */
  update(request: JsonObject, seconds: number): Update {
    const patch = checkedState(request);
    const expected = request['version'];
    if (expected !== undefined && expected !== this.#version)
      throw new ShadowRejection(409, 'Version conflict');
    const previous = this.#snapshot();
    const state = { ...this.#state };
    const metadata = { ...this.#metadata };
    const sent: JsonObject = {};
    for (const name of SECTIONS) {
      const section = patch[name];
      if (section === undefined) continue;
      const merged = isObject(section)
        ? merge(state[name] ?? {}, metadata[name] ?? {}, section, seconds)
        : { value: {}, metadata: {} };
      setOrDelete(state, name, merged.value);
      setOrDelete(metadata, name, merged.metadata);
      if (isObject(section)) sent[name] = pick(merged.metadata, section);
    }
    if (Buffer.byteLength(JSON.stringify(state)) > MAX_DOCUMENT_BYTES) {
      throw new ShadowRejection(413, 'The payload exceeds the maximum size allowed');
    }
    this.#state = state;
    this.#metadata = metadata;
    this.#version += 1;
    this.#exists = true;
    return {
      accepted: { state: patch, metadata: sent, version: this.#version },
      delta: this.#delta(),
      previous,
      current: this.#snapshot(),
    };
  }

  /** The version goes on counting when the shadow comes back. */
  delete(): void {
    this.#state = {};
    this.#metadata = {};
    this.#exists = false;
  }

  #snapshot(): Snapshot {
    return { state: { ...this.#state }, metadata: { ...this.#metadata }, version: this.#version };
  }

  #delta(): Snapshot | undefined {
    const { desired, reported = {} } = this.#state;
    if (!desired) return undefined;
    const { value, metadata } = difference(desired, reported, this.#metadata.desired ?? {});
    return Object.keys(value).length > 0 ? { state: value, metadata, version: this.#version } : undefined;
  }
}

function checkedState(request: JsonObject): JsonObject {
  const { state, version } = request;
  if (state === undefined) throw new ShadowRejection(400, 'Missing required node: state');
  if (!isObject(state)) throw new ShadowRejection(400, 'State node must be an object');
  if (version !== undefined && !Number.isInteger(version)) throw new ShadowRejection(400, 'Invalid version');
  for (const [name, section] of Object.entries(state)) {
    if (name !== 'desired' && name !== 'reported') {
      throw new ShadowRejection(400, `State contains an invalid node: '${name}'`);
    }
    if (section === null) continue;
    const title = name === 'desired' ? 'Desired' : 'Reported';
    if (!isObject(section)) throw new ShadowRejection(400, `${title} node must be an object`);
    if (levels(section) > MAX_LEVELS) {
      const message = `JSON contains too many levels of nesting; maximum is ${MAX_LEVELS}`;
      throw new ShadowRejection(400, message);
    }
  }
  return state;
}

function levels(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const deepest = Object.values(value).reduce<number>((most, each) => Math.max(most, levels(each)), 0);
  return 1 + deepest;
}

interface Annotated {
  value: JsonObject;
  metadata: JsonObject;
}

/** `null` deletes a key, objects merge, everything else (lists too) replaces. */
function merge(old: JsonObject, oldMetadata: JsonObject, patch: JsonObject, seconds: number): Annotated {
  const value = bare(old);
  const metadata = bare(oldMetadata);
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) {
      delete value[key];
      delete metadata[key];
    } else if (isObject(change)) {
      const merged = merge(objectAt(value, key), objectAt(value, key, metadata), change, seconds);
      value[key] = merged.value;
      metadata[key] = merged.metadata;
    } else {
      value[key] = change;
      metadata[key] = stamped(change, seconds);
    }
  }
  return { value, metadata };
}

function difference(desired: JsonObject, reported: JsonObject, desiredMetadata: JsonObject): Annotated {
  const value = bare({});
  const metadata = bare({});
  for (const [key, wanted] of Object.entries(desired)) {
    const actual = Object.hasOwn(reported, key) ? reported[key] : undefined;
    if (isObject(wanted) && isObject(actual)) {
      const inner = difference(wanted, actual, objectAt(desired, key, desiredMetadata));
      if (Object.keys(inner.value).length === 0) continue;
      value[key] = inner.value;
      metadata[key] = inner.metadata;
    } else if (!isDeepStrictEqual(wanted, actual)) {
      value[key] = wanted;
      metadata[key] = desiredMetadata[key];
    }
  }
  return { value, metadata };
}

/** The metadata of the keys that a patch names. */
function pick(metadata: JsonObject, patch: JsonObject): JsonObject {
  const picked = bare({});
  for (const [key, change] of Object.entries(patch)) {
    const found = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    if (found === undefined) continue;
    picked[key] = isObject(found) && isObject(change) ? pick(found, change) : found;
  }
  return picked;
}

/** A timestamp for every leaf, in the shape of the value. */
function stamped(value: unknown, seconds: number): unknown {
  if (Array.isArray(value)) return value.map((each: unknown) => stamped(each, seconds));
  if (!isObject(value)) return { timestamp: seconds };
  const metadata = bare({});
  for (const [key, each] of Object.entries(value)) metadata[key] = stamped(each, seconds);
  return metadata;
}

/** `from[key]` where the value at that key is an object; else an empty one. */
function objectAt(value: JsonObject, key: string, from: JsonObject = value): JsonObject {
  const inner = Object.hasOwn(from, key) ? from[key] : undefined;
  return isObject(value[key]) && isObject(inner) ? inner : {};
}

function bare(source: JsonObject): JsonObject {
  const copy: JsonObject = Object.create(null);
  for (const [key, value] of Object.entries(source)) copy[key] = value;
  return copy;
}

function setOrDelete(
  target: Partial<Record<SectionName, JsonObject>>,
  name: SectionName,
  value: JsonObject,
): void {
  if (Object.keys(value).length > 0) target[name] = value;
  else delete target[name];
}
