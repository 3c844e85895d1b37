import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Json, JsonObject } from '../../../src/config/layers.ts';
import { mergePatch, shadowPatch } from '../../../src/iot/shadow-patch.ts';

/** A shadow's document: few keys, so that two of them have much in common; no null, a shadow keeps none. */
const { object: document } = fc.letrec<{ object: JsonObject; value: Json }>((tie) => ({
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), tie('value'), {
    maxKeys: 4,
  }),
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ max: 3 }),
    fc.boolean(),
    fc.array(fc.nat(2)),
    tie('object'),
  ),
}));

test('a patch turns one document into the other, and says nothing where they are the same', () => {
  fc.assert(
    fc.property(document, document, (one, other) => {
      const [from, to] = [plain(one), plain(other)];
      const patch = shadowPatch(from, to);
      assert.deepEqual(mergePatch(from, patch ?? {}), to);
      assert.equal(shadowPatch(to, plain(to)), undefined);
    }),
    { numRuns: 2000 },
  );
});

test('only what differs is in the patch, null for what is gone', () => {
  const from = { a: { b: 1, c: 2 }, d: [1, 2], e: 'x', f: { g: 1 } };
  const to = { a: { b: 1, c: 3 }, d: [1], f: 5, h: {} };
  assert.deepEqual(shadowPatch(from, to), { a: { c: 3 }, d: [1], e: null, f: 5, h: {} });
});

test('hostile keys stay keys', () => {
  const hostile: JsonObject = JSON.parse('{"__proto__": {"polluted": 1}}');
  assert.equal(JSON.stringify(shadowPatch({}, hostile)), '{"__proto__":{"polluted":1}}');
  assert.equal(JSON.stringify(shadowPatch(hostile, {})), '{"__proto__":null}');
  assert.deepEqual(Object.keys(mergePatch({}, hostile)), ['__proto__']);
  assert.equal('polluted' in {}, false);
});

/** As it comes out of a message. */
function plain(value: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(value));
}
