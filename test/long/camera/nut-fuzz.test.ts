import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzDemuxer } from '../../unit/camera/support/nut-fuzz.ts';
import { makeSmallNut } from '../../unit/camera/support/nut-samples.ts';

test('a million mutated NUT streams: no crash, no hang, no unbounded memory', async (context) => {
  const sample = await makeSmallNut();
  const before = process.memoryUsage().rss;
  let packets = 0;
  for (let seed = 100; seed < 120; seed += 1) packets += fuzzDemuxer(sample, 50_000, seed).packets;
  const grownMb = (process.memoryUsage().rss - before) / 1e6;
  context.diagnostic(`${packets} packets, memory grew by ${grownMb.toFixed(0)} MB`);
  assert.ok(grownMb < 200);
});
