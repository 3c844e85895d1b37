import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Log } from '../../../src/log.ts';
import { supervise } from '../../../src/runtime/supervise.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const SILENT: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => SILENT,
};
/** The longest delays that full jitter may give: 1000, 2000, 4000, 8000, 8000 … */
const random = { float: () => 1, uint32: () => 0 };

/** A part that fails at once, always; `starts` are the times of its runs. */
function failingPart() {
  const clock = new SimulatedClock();
  const starts: number[] = [];
  const stop = new AbortController();
  let hurry = new AbortController();
  let network = new AbortController();
  const run = () => {
    starts.push(clock.monotonic());
    return Promise.reject(new Error('broken'));
  };
  const ended = supervise(run, stop.signal, {
    name: 'part',
    clock,
    random,
    log: SILENT,
    backoff: { baseMs: 1000, maxMs: 8000 },
    hurry: () => hurry.signal,
    restored: () => network.signal,
  });
  return {
    starts,
    async pass(ms: number) {
      for (let i = 0; i < ms; i += 10) {
        await nextTurn();
        clock.advance(10);
      }
      await nextTurn();
    },
    async somebodyComes() {
      hurry.abort();
      hurry = new AbortController();
      await nextTurn();
    },
    async networkReturns() {
      const due = network;
      network = new AbortController();
      due.abort();
      await nextTurn();
    },
    async end() {
      stop.abort();
      await ended;
    },
  };
}

test('a part that fails is run again, later each time', async () => {
  const part = failingPart();
  await part.pass(16_000);
  assert.deepEqual(part.starts, [0, 1000, 3000, 7000, 15_000]);
  await part.end();
});

test('a hurry ends the wait at once', async () => {
  const part = failingPart();
  await part.pass(8000);
  await part.somebodyComes();
  await part.pass(100);
  assert.deepEqual(part.starts, [0, 1000, 3000, 7000, 8000]);
  await part.end();
});

test('many in a hurry have it run twice a second, not more', async () => {
  const part = failingPart();
  await part.pass(8000);
  for (let i = 0; i < 190; i += 1) {
    await part.somebodyComes();
    await part.pass(10);
  }
  assert.deepEqual(part.starts.slice(4), [8000, 8500, 9000, 9500]);
  await part.end();
});

test('when the network is back the backoff begins anew', async () => {
  const part = failingPart();
  await part.pass(9000);
  await part.networkReturns();
  await part.pass(8000);
  assert.deepEqual(part.starts, [0, 1000, 3000, 7000, 10_000, 12_000, 16_000]);
  await part.end();
});
