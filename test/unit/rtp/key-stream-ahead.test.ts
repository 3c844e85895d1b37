import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { AesCmKeyStream } from '../../../src/rtp/aes-cm-key-stream.ts';
import { KeyStreamAhead, MAX_AHEAD_BYTES } from '../../../src/rtp/key-stream-ahead.ts';

const KEY = Buffer.alloc(16, 7);
const SALT = Buffer.alloc(14, 9);

/** Runs of packets of one source, as sound has, with jumps between them, back ones too, and other sources among them. */
const packet = fc.record({
  source: fc.integer({ min: 0, max: 10 }),
  jump: fc.oneof({ weight: 8, arbitrary: fc.constant(1) }, fc.integer({ min: -70_000, max: 70_000 })),
  bytes: fc.integer({ min: 1, max: MAX_AHEAD_BYTES }),
});

test('the key stream prepared ahead is that of each packet, in whatever order they come', () => {
  fc.assert(
    fc.property(fc.array(packet, { minLength: 1, maxLength: 200 }), (packets) => {
      const ahead = new KeyStreamAhead(new AesCmKeyStream(KEY, SALT));
      const plain = new AesCmKeyStream(KEY, SALT);
      const indices = Array.from({ length: 11 }, () => 100_000);
      for (const { source, jump, bytes } of packets) {
        const index = Math.max(0, (indices[source] ?? 0) + jump);
        indices[source] = index;
        const at = ahead.find(source, index, bytes) * 4;
        const { buffer, byteOffset } = ahead.words;
        const found = Buffer.from(buffer, byteOffset + at, bytes);
        plain.add(source, index, bytes);
        assert.deepEqual(found, plain.take().subarray(0, bytes));
      }
    }),
  );
});
