import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockSkew } from '../../../src/signaling/clock-skew.ts';
import { ManualClock } from './support/manual-clock.ts';

function httpDate(epochMs: number): string {
  return new Date(epochMs).toUTCString();
}

test('a device seven minutes slow signs with the service’s time', () => {
  const clock = new ManualClock();
  const skew = new ClockSkew(clock);
  assert.equal(skew.offsetMs, 0);
  skew.learn(httpDate(clock.now() + 420_000));
  assert.equal(skew.offsetMs, 420_000);
  clock.advance(3_600_000);
  assert.equal(skew.now().getTime(), clock.now() + 420_000);
});

test('latency and whole seconds are no offset; headers that are no dates teach nothing', () => {
  const clock = new ManualClock();
  const skew = new ClockSkew(clock);
  skew.learn(httpDate(clock.now() - 4_000));
  assert.equal(skew.offsetMs, 0);
  skew.learn(httpDate(clock.now() - 60_000));
  for (const header of [undefined, '', 'yesterday']) skew.learn(header);
  assert.equal(skew.offsetMs, -60_000);
});

test('once NTP has set the clock the correction is void', () => {
  const clock = new ManualClock();
  clock.epochMs = 0;
  const skew = new ClockSkew(clock);
  const truth = Date.UTC(2025, 5, 1);
  skew.learn(httpDate(truth));
  assert.equal(skew.now().getTime(), truth);
  clock.epochMs = truth;
  assert.equal(skew.offsetMs, 0);
  assert.equal(skew.now().getTime(), truth);
});
