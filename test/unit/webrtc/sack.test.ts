import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readSack } from '../../../src/webrtc/sctp/sack.ts';

type Block = [from: number, to: number];

/** The body of a SACK with these blocks, whatever they are. */
function sackBody(blocks: readonly Block[]): Buffer {
  const body = Buffer.alloc(12 + 4 * blocks.length);
  body.writeUInt16BE(blocks.length, 8);
  blocks.forEach(([from, to], i) => {
    body.writeUInt16BE(from, 12 + 4 * i);
    body.writeUInt16BE(to, 14 + 4 * i);
  });
  return body;
}

function numbersIn(blocks: readonly Block[]): number[] {
  const numbers = new Set<number>();
  // 0 is the cumulative TSN itself: such a block says nothing.
  for (const [from, to] of blocks) if (from > 0) for (let i = from; i <= to; i += 1) numbers.add(i);
  return [...numbers].toSorted((a, b) => a - b);
}

test('whatever the blocks of a SACK, what has arrived is named once, in order and with room between', () => {
  const number = fc.integer({ min: 0, max: 60 });
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number), { maxLength: 20 }), (blocks) => {
      const gaps = readSack(sackBody(blocks))?.gaps ?? [];
      assert.deepEqual(numbersIn(gaps), numbersIn(blocks));
      for (let i = 1; i < gaps.length; i += 1) assert.ok(gaps[i]![0] > gaps[i - 1]![1] + 1, String(gaps));
    }),
    { numRuns: 60 },
  );
});

test('300 blocks that name the same 2,048 numbers are one', () => {
  const blocks = Array.from({ length: 300 }, (): Block => [1, 2_048]);
  assert.deepEqual(readSack(sackBody(blocks))?.gaps, [[1, 2_048]]);
});
