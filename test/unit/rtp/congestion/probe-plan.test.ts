import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProbePlan } from '../../../../src/rtp/congestion/probe-plan.ts';

/** When, in the first ten seconds after a probe that found nothing, the next one is sent; undefined: not at all. */
function nextProbeMs(queueMs: number, wanted: boolean): number | undefined {
  const plan = new ProbePlan();
  const link = { estimateKbps: 400, usefulKbps: 3000, wanted };
  assert.ok(plan.next({ ...link, nowMs: 0, queueMs: 0 }));
  plan.resulted(400, 400);
  for (let nowMs = 50; nowMs <= 10_000; nowMs += 50) if (plan.next({ ...link, nowMs, queueMs })) return nowMs;
  return undefined;
}

test('a queue is left to empty before more is asked of the link', () => {
  assert.equal(nextProbeMs(0, true), 2800);
  assert.equal(nextProbeMs(100, false), undefined);
});

test("a queue that stays is another's: a viewer that waits for a better picture asks all the same, unless it is long", () => {
  assert.equal(nextProbeMs(100, true), 4050);
  assert.equal(nextProbeMs(200, true), undefined);
});
