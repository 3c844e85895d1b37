import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  decodeMessage,
  encodeMessage,
  MessageReader,
  type HeaderValue,
} from '../../../src/greengrass/event-stream.ts';

// Test vectors of aws-c-event-stream.
const EMPTY = Buffer.from('000000100000000005c248eb7d98c8ff', 'hex');
const INT32_HEADER = Buffer.concat([
  Buffer.from('0000002d0000001041c424b80a', 'hex'),
  Buffer.from('event-type'),
  Buffer.from('040000a00c', 'hex'),
  Buffer.from("{'foo':'bar'}"),
  Buffer.from('36f480a0', 'hex'),
]);

test('encodes and decodes the published vectors', () => {
  assert.deepEqual(encodeMessage({ headers: new Map(), payload: Buffer.alloc(0) }), EMPTY);
  assert.deepEqual(decodeMessage(EMPTY), { headers: new Map(), payload: Buffer.alloc(0) });
  const message = { headers: new Map([['event-type', 0xa00c]]), payload: Buffer.from("{'foo':'bar'}") };
  assert.deepEqual(encodeMessage(message), INT32_HEADER);
  assert.deepEqual(decodeMessage(INT32_HEADER), message);
});

const headerValue: fc.Arbitrary<HeaderValue> = fc.oneof(
  fc.boolean(),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.date({ noInvalidDate: true }),
);
const message = fc
  .record({
    headers: fc
      .array(fc.tuple(fc.string({ minLength: 1, maxLength: 30 }), headerValue), { maxLength: 6 })
      .map((entries) => new Map(entries)),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  })
  .map((members) => ({ ...members }));

test('any messages survive, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (messages, size) => {
      const stream = Buffer.concat(messages.map(encodeMessage));
      const reader = new MessageReader();
      const read = [];
      for (let at = 0; at < stream.length; at += size)
        read.push(...reader.read(stream.subarray(at, at + size)));
      assert.deepEqual(read, messages);
    }),
  );
});

test('any flipped bit is noticed', () => {
  fc.assert(
    fc.property(message, fc.nat(), (original, position) => {
      const encoded = encodeMessage(original);
      const bit = position % (encoded.length * 8);
      encoded[bit >> 3] = (encoded[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => decodeMessage(encoded));
    }),
  );
});

test('a message above the limit is refused before it has arrived', () => {
  const encoded = encodeMessage({ headers: new Map(), payload: Buffer.alloc(10_000) });
  assert.throws(() => [...new MessageReader(10_000).read(encoded.subarray(0, 12))], /too large/);
  assert.equal([...new MessageReader(10_016).read(encoded)].length, 1);
});
