import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { BandwidthEstimator } from '../../../../src/rtp/congestion/bandwidth-estimator.ts';
import { readTrace, replayTrace } from '../../../support/feedback-trace.ts';

interface Step {
  seconds: number;
  use: string;
  kbps: number;
}

/** Feedback of Chromium behind a bottleneck, recorded by `test/bench/adapt.ts`: what the estimator makes of it. */
function replay(name: string): Step[] {
  const steps: Step[] = [];
  const estimator = new BandwidthEstimator();
  replayTrace(readTrace(join(import.meta.dirname, `traces/${name}.json.gz`)), estimator, (seconds) => {
    const { use, kbps = NaN } = estimator.estimate;
    steps.push({ seconds, use, kbps });
  });
  return steps;
}

describe('recorded feedback', () => {
  for (const { name, linkKbps, dropSeconds } of [
    { name: 'drop-3-to-1-mbps', linkKbps: 1000, dropSeconds: 3 },
    { name: 'drop-1-to-0.5-mbps', linkKbps: 500, dropSeconds: 3 },
  ])
    test(`${name}: over-use within half a second, then the link's rate, and no over-use any more`, () => {
      const after = replay(name).filter(({ seconds }) => seconds >= dropSeconds);
      const found = after.find(({ use }) => use === 'over');
      assert.ok(found && found.seconds < dropSeconds + 0.5, JSON.stringify(after.slice(0, 20)));
      const settled = after.filter(({ seconds }) => seconds >= dropSeconds + 1.5);
      for (const { seconds, use, kbps } of settled) {
        const text = `${seconds} s: ${use}, ${kbps} kbps`;
        assert.notEqual(use, 'over', text);
        assert.ok(kbps > 0.7 * linkKbps && kbps < 1.1 * linkKbps, text);
      }
    });

  test('steady-2.6-of-3-mbps: never over-use, never less than what is sent', () => {
    for (const { seconds, use, kbps } of replay('steady-2.6-of-3-mbps')) {
      const text = `${seconds} s: ${use}, ${kbps} kbps`;
      assert.notEqual(use, 'over', text);
      assert.ok(kbps > 2400 && kbps < 4000, text);
    }
  });
});
