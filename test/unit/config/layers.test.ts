import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  isObject,
  mergeLayers,
  originOf,
  type Json,
  type JsonObject,
  type Layer,
} from '../../../src/config/layers.ts';

const { any: anyDocument } = fc.letrec<{ any: JsonObject; value: Json }>((tie) => ({
  any: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<Json>(null, true, 0, 1, 'text', [1, 2], []),
    tie('any'),
  ),
}));
const documents = fc.array(anyDocument, { minLength: 1, maxLength: 4 });

test('a merge says of every key what the uppermost layer that speaks of it says', () => {
  fc.assert(
    fc.property(documents, (values) => {
      assert.deepEqual(mergeLayers(values.map(asLayer)), modelMerge(values));
    }),
    { numRuns: 2000 },
  );
});

test('the merged document shares nothing with the layers', () => {
  fc.assert(
    fc.property(documents, anyDocument, (values, above) => {
      const layers = values.map(asLayer);
      const before = structuredClone(layers);
      const merged = mergeLayers([...layers, asLayer(above, values.length)]);
      spoil(merged);
      assert.deepEqual(layers, before);
    }),
  );
});

test('null removes a whole camera', () => {
  const local: JsonObject = { cameras: { front: { enabled: true }, back: { enabled: false } } };
  assert.deepEqual(mergeLayers([local, { cameras: { front: null } }].map(asLayer)), {
    cameras: { back: { enabled: false } },
  });
});

test('a source is replaced whole, so that no credentials reach another host', () => {
  const local = {
    cameras: { front: { source: { type: 'rtsp', url: 'rtsp://one/', credentialsRef: 'login' } } },
  };
  const shadow = { cameras: { front: { source: { type: 'rtsp', url: 'rtsp://two/' } } } };
  assert.deepEqual(mergeLayers([local, shadow].map(asLayer)), shadow);
});

test('keys that reach into prototypes are never merged', () => {
  const hostile: unknown = JSON.parse(
    '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}',
  );
  assert.ok(isObject(hostile));
  const merged = mergeLayers([asLayer(hostile, 0)]);
  assert.deepEqual(Object.keys(merged), []);
  assert.equal('polluted' in {}, false);
  assert.equal('polluted' in merged, false);
});

test('a value is said to come from the layer that set it, a missing one from the layer of its parent', () => {
  const layers: Layer[] = [
    { name: 'file', values: { log: { level: 'info' }, metrics: {} } },
    { name: 'shadow', values: { log: { level: 'debug' } } },
  ];
  assert.equal(originOf(layers, ['log', 'level']), 'shadow');
  assert.equal(originOf(layers, ['metrics', 'intervalSeconds']), 'file');
  assert.equal(originOf(layers, ['aws', 'region']), 'defaults');
});

function asLayer(values: JsonObject, index: number): Layer {
  return { name: `layer ${index}`, values };
}

type Said = 'nothing' | 'gone' | 'an object' | { scalar: Json };

/** Key by key, without recursion over layers: what remains of what each layer says about one path. */
function modelMerge(values: readonly JsonObject[]): JsonObject {
  const paths = new Map(values.flatMap((value) => pathsOf(value)).map((path) => [path.join('.'), path]));
  const merged: JsonObject = {};
  for (const path of [...paths.values()].toSorted((one, other) => one.length - other.length)) {
    const state = values.map((value) => saidAt(value, path)).findLast((said) => said !== 'nothing') ?? 'gone';
    if (state !== 'gone') setAt(merged, path, state === 'an object' ? {} : state.scalar);
  }
  return merged;
}

function pathsOf(value: JsonObject, path: readonly string[] = []): string[][] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, key];
    return isObject(inner) ? [at, ...pathsOf(inner, at)] : [at];
  });
}

function saidAt(document: JsonObject, path: readonly string[]): Said {
  let value: Json | undefined = document;
  for (const key of path) {
    if (!isObject(value)) return 'gone';
    if (!Object.hasOwn(value, key)) return 'nothing';
    value = value[key];
  }
  if (value === null || value === undefined) return 'gone';
  return isObject(value) ? 'an object' : { scalar: value };
}

function setAt(document: JsonObject, path: readonly string[], value: Json): void {
  let target = document;
  for (const key of path.slice(0, -1)) {
    const inner = target[key];
    assert.ok(isObject(inner), `${path.join('.')} has no parent`);
    target = inner;
  }
  target[path.at(-1) ?? ''] = value;
}

/** Changes everything within reach. */
function spoil(value: JsonObject | Json[]): void {
  for (const inner of Object.values(value)) {
    if (isObject(inner) || Array.isArray(inner)) spoil(inner);
  }
  if (Array.isArray(value)) value.push('spoiled');
  else value.spoiled = true;
}
