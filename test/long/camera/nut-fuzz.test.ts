import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fuzzDemuxer } from '../../unit/camera/support/nut-fuzz.ts';
import { makeSmallNut } from '../../unit/camera/support/nut-samples.ts';

/** Memory that is really in use, after a collection. */
function memoryInUseMb(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

test('a million mutated NUT streams: no crash, no hang, no unbounded memory', async (context) => {
  const sample = await makeSmallNut();
  let packets = fuzzDemuxer(sample, 50_000, 100).packets;
  const warmMb = memoryInUseMb();
  for (let seed = 101; seed < 120; seed += 1) packets += fuzzDemuxer(sample, 50_000, seed).packets;
  const grownMb = memoryInUseMb() - warmMb;
  const peakMb = process.resourceUsage().maxRSS / 1000;
  context.diagnostic(
    `${packets} packets; in use: ${grownMb.toFixed(1)} MB more; peak ${peakMb.toFixed(0)} MB`,
  );
  assert.ok(grownMb < 10, `${grownMb} MB`);
  assert.ok(peakMb < 500, `${peakMb} MB`);
});
