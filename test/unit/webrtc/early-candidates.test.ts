import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../../src/runtime/clock.ts';
import { EarlyCandidates } from '../../../src/webrtc/early-candidates.ts';

function clockAt(time: { ms: number }): Clock {
  const timer = { cancel: () => {} };
  return { now: () => time.ms, monotonic: () => time.ms, after: () => timer, every: () => timer };
}

test('candidates that overtook their offer are handed over once, in order', () => {
  const early = new EarlyCandidates(clockAt({ ms: 0 }));
  early.keep('a', 'one');
  early.keep('b', 'other');
  early.keep('a', 'two');
  assert.deepEqual(early.take('a'), ['one', 'two']);
  assert.deepEqual(early.take('a'), []);
  assert.deepEqual(early.take('b'), ['other']);
});

test('a flood is bounded in candidates and clients, and ends with time', () => {
  const time = { ms: 0 };
  const early = new EarlyCandidates(clockAt(time));
  const kept = Array.from({ length: 100 }, () => early.keep('flood', 'x')).filter(Boolean).length;
  assert.equal(kept, 32);
  for (let i = 0; i < 1_000; i += 1) early.keep(`client-${i}`, 'x');
  assert.equal(early.keep('one-more', 'x'), false);
  time.ms = 60_001;
  assert.equal(early.keep('one-more', 'x'), true);
  assert.deepEqual(early.take('flood'), []);
});
