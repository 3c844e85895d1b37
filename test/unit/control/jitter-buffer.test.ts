import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JitterBuffer } from '../../../src/control/jitter-buffer.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

function play(arrivals: ReadonlyArray<readonly [atMs: number, sequence: number]>): Array<[number, number]> {
  const clock = new SimulatedClock();
  const played: Array<[number, number]> = [];
  const buffer = new JitterBuffer(clock, (payload) =>
    played.push([Math.round(clock.monotonic()), payload.readUInt16BE(0)]),
  );
  for (const [atMs, sequence] of arrivals) {
    clock.advance(atMs - clock.monotonic());
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(sequence);
    buffer.add(sequence, payload);
  }
  clock.advance(500);
  buffer.close();
  return played;
}

test('what comes in order is played at once, across the wrap of the numbers', () => {
  const inOrder = [65_534, 65_535, 0, 1].map((sequence, i) => [20 * i, sequence] as const);
  assert.deepEqual(play(inOrder), inOrder);
});

test('what is overtaken is waited for, what is lost is not, what is late is left out', () => {
  assert.deepEqual(
    play([
      [0, 10],
      [20, 12],
      [30, 11],
      [60, 14],
      [80, 15],
      [130, 13],
      [140, 16],
    ]),
    [
      [0, 10],
      [30, 11],
      [30, 12],
      [120, 14],
      [120, 15],
      [140, 16],
    ],
  );
});

test('a sender that begins anew is heard', () => {
  assert.deepEqual(
    play([
      [0, 10],
      [20, 5_000],
      [40, 5_001],
    ]),
    [
      [0, 10],
      [20, 5_000],
      [40, 5_001],
    ],
  );
});
