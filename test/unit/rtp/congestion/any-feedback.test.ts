import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { BandwidthEstimator } from '../../../../src/rtp/congestion/bandwidth-estimator.ts';
import { NOT_RECEIVED } from '../../../../src/rtp/rtcp-types.ts';
import { SimulatedLink } from './simulated-link.ts';

const MIN_KBPS = 30;
const MAX_KBPS = 50_000;

const feedback = fc.record({
  senderSsrc: fc.constant(1),
  mediaSsrc: fc.constant(2),
  baseSequence: fc.integer({ min: 0, max: 0xffff }),
  count: fc.constant(40),
  referenceTime: fc.integer({ min: -0x80_0000, max: 0x7f_ffff }),
  feedbackCount: fc.constant(0),
  arrivals: fc
    .array(fc.oneof(fc.constant(NOT_RECEIVED), fc.integer({ min: -0x4000_0000, max: 0x3fff_ffff })), {
      minLength: 40,
      maxLength: 40,
    })
    .map((arrivals) => Int32Array.from(arrivals)),
});

test('never negative, never above the maximum, and it recovers, whatever a peer reports', () => {
  fc.assert(
    fc.property(fc.array(feedback, { maxLength: 20 }), (reports) => {
      const estimates: number[] = [];
      const onEstimate = ({ kbps = NaN }) => void estimates.push(kbps);
      const estimator = new BandwidthEstimator({ minKbps: MIN_KBPS, maxKbps: MAX_KBPS, onEstimate });
      for (let i = 0; i < 4096; i++) estimator.onSent((i * 16) & 0xffff, 1200, i);
      reports.forEach((report, i) => {
        estimator.onTransportFeedback(report, 4096 + i * 50);
        estimator.onReceiverEstimate(i * 1e6, 4096 + i * 50);
        estimator.onReportedLoss(i / 20, 4096 + i * 50);
      });
      const network = new SimulatedLink({ kbps: 3000 }, estimator);
      network.nowMs = 10_000;
      network.run(40_000, 2000, 3400);
      for (const kbps of estimates) assert.ok(kbps >= MIN_KBPS && kbps <= MAX_KBPS, `${kbps} kbps`);
      // Nothing known is as good: the link has shown no end yet.
      const { kbps = 2000 } = estimator.estimate;
      assert.ok(kbps > 1700 && kbps < 4000, `${kbps} kbps in the end`);
    }),
    { numRuns: 30 },
  );
});
