import convict from 'convict';
import type { FaultReport } from './faults.ts';
import { fromText, type Format } from './formats.ts';
import { isObject, type Json, type JsonObject } from './layers.ts';
import { nearest } from './nearest.ts';

/** Who may set a key: `shadow` = the device and the cloud, `local` = the device alone. */
export type Scope = 'local' | 'shadow';

/** Everything there is to say about one key. */
export interface Key {
  doc: string;
  format: Format;
  /** Null: the key has no default; it must be set unless it is `optional`. */
  default: Json;
  scope: Scope;
  optional?: true;
  /** Environment variables that set it, the first one that is set counts. */
  env?: readonly string[];
}

type Leaf = boolean | number | string | readonly unknown[];

/** The keys of T: a compile error where type and schema differ. */
export type Shape<T> = { [K in keyof T]-?: NonNullable<T[K]> extends Leaf ? Key : Shape<NonNullable<T[K]>> };

/** A shape whose type has been forgotten, for walking. */
export type AnyShape = { [name: string]: Key | AnyShape };

export function isKey(node: Key | AnyShape): node is Key {
  return typeof node.doc === 'string';
}

// convict's own conversions are lax: "12abc" is 12, and every text but "false" is true.
convict.addFormats({
  text: { validate: runCheck },
  number: { validate: runCheck, coerce: (value: Json) => fromText('number', value) },
  flag: { validate: runCheck, coerce: (value: Json) => fromText('flag', value) },
  list: { validate: runCheck },
});

function runCheck(value: Json, key: convict.SchemaObj): void {
  key.check(value);
}

/**
 * The keys of `shape` out of `values`, defaults filled in; everything wrong goes to `report`, and the result is
 * good only where nothing did. `elsewhere` names keys beside the shape's, which others check.
 * A fresh convict instance each time: one shared by all cameras would merge them.
 */
export function readKeys<T>(
  shape: Shape<T>,
  values: JsonObject,
  path: readonly string[],
  report: FaultReport,
  elsewhere: readonly string[] = [],
): T {
  const faultsBefore = report.faults.length;
  const known = onlyKnown(shape, values, path, report, elsewhere);
  const instance = convict(toConvict(shape, path, report), { env: {}, args: [] });
  instance.load(known);
  try {
    instance.validate({ allowed: 'strict' });
  } catch (error) {
    // Its one message repeats what our checks have reported, key by key.
    if (report.faults.length === faultsBefore) throw error;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Shape<T> has T's keys, and each was checked
  return withoutAbsent(instance.getProperties()) as T;
}

/** What the shape knows, so that convict meets groups only where it expects groups; the rest is reported. */
function onlyKnown(
  shape: AnyShape,
  values: JsonObject,
  path: readonly string[],
  report: FaultReport,
  elsewhere: readonly string[] = [],
): JsonObject {
  const known: JsonObject = {};
  for (const [name, value] of Object.entries(values)) {
    const at = [...path, name];
    const node = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (!node) {
      if (!elsewhere.includes(name))
        report.add(at, value, unknownKey(name, [...Object.keys(shape), ...elsewhere]));
    } else if (isKey(node)) {
      if (isObject(value)) report.add(at, value, node.format.expected);
      else known[name] = value;
    } else if (isObject(value)) {
      known[name] = onlyKnown(node, value, at, report);
    } else {
      report.add(at, value, `an object with ${Object.keys(node).join(', ')}`);
    }
  }
  return known;
}

export function unknownKey(name: string, names: readonly string[]): string {
  const meant = nearest(name, names);
  return meant === undefined
    ? `one of the keys ${names.join(', ')}`
    : `a known key (did you mean "${meant}"?)`;
}

interface Definition {
  [name: string]: convict.SchemaObj<unknown> | Definition;
}

function toConvict(shape: AnyShape, path: readonly string[], report: FaultReport): Definition {
  const definition: Definition = {};
  for (const [name, node] of Object.entries(shape)) {
    const at = [...path, name];
    definition[name] = isKey(node) ? toConvictKey(node, at, report) : toConvict(node, at, report);
  }
  return definition;
}

function toConvictKey(key: Key, path: readonly string[], report: FaultReport): convict.SchemaObj<unknown> {
  const { doc, format, optional } = key;
  const check = (value: Json) => {
    if (value === null ? optional : format.accepts(value)) return;
    report.add(path, value, format.expected);
    throw new Error(`expected ${format.expected}`);
  };
  return { doc, default: key.default, format: format.kind, check };
}

/** Without optional keys that nobody set, and without groups of which nothing else was left. */
function withoutAbsent(values: object): object {
  const present: Record<string, unknown> = {};
  for (const [key, value] of Object.entries<unknown>({ ...values })) {
    if (value === null) continue;
    const kept = isObject(value) ? withoutAbsent(value) : value;
    if (!isObject(kept) || Object.keys(kept).length > 0) present[key] = kept;
  }
  return present;
}
