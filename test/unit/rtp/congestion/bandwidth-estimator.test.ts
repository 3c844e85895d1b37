import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BandwidthEstimator } from '../../../../src/rtp/congestion/bandwidth-estimator.ts';
import { SimulatedLink } from './simulated-link.ts';

/** Of the last estimate. */
function kbpsOf({ estimator }: SimulatedLink): number {
  const { kbps } = estimator.estimate;
  assert.ok(kbps !== undefined, 'no estimate yet');
  return kbps;
}

/** 400 kbps for so long, with a receiver report a second. */
function report(estimator: BandwidthEstimator, fromMs: number, seconds: number, loss = 0): void {
  for (let i = 0; i < seconds * 50; i++) {
    estimator.onSent(i & 0xffff, 1000, fromMs + i * 20);
    if (i % 50 === 49) estimator.onReportedLoss(loss, fromMs + i * 20);
  }
}

describe('bandwidth estimator', () => {
  test('a link that is too small is found within a second, and its queue empties', () => {
    const network = new SimulatedLink({ kbps: 3000 });
    network.run(5000, 2600);
    network.link.kbps = 1000;
    network.run(1000, () => (kbpsOf(network) < 2300 ? 700 : 2600));
    assert.ok(kbpsOf(network) < 1050, `${kbpsOf(network)} kbps`);
    network.run(2000, 700);
    assert.ok(network.queueMs < 60, `${network.queueMs} ms`);
    const kbps = kbpsOf(network);
    assert.ok(kbps > 650 && kbps < 1100, `${kbps} kbps`);
  });

  test('probes find the room that a sender of little cannot see', () => {
    const network = new SimulatedLink({ kbps: 500 });
    network.run(200, 2600);
    network.run(8000, 250, 3400);
    assert.ok(kbpsOf(network) < 600, `${kbpsOf(network)} kbps`);
    network.link.kbps = 3000;
    network.run(6000, 250, 3400);
    assert.ok(kbpsOf(network) > 2700, `${kbpsOf(network)} kbps`);
  });

  test('over-use of a link that has grown is not taken for what it was before', () => {
    const network = new SimulatedLink({ kbps: 500, jitterMs: 2 });
    network.run(500, 2600);
    for (const kbps of [280, 560, 280]) network.run(2000, kbps, 3400);
    network.link.kbps = 3000;
    network.run(6000, 280, 3400);
    assert.ok(kbpsOf(network) > 2700, `${kbpsOf(network)} kbps`);
    let lowest = Infinity;
    network.run(1000, () => {
      lowest = Math.min(lowest, kbpsOf(network));
      return 3600;
    });
    assert.ok(lowest > 2000, `${lowest} kbps`);
  });

  test('what the link carries is not given up: 2.6 of 3 Mbps for a minute', () => {
    const network = new SimulatedLink({ kbps: 3000, jitterMs: 3 });
    let lowest = Infinity;
    network.run(5000, 2600, 3400);
    network.run(
      60_000,
      () => {
        lowest = Math.min(lowest, kbpsOf(network));
        return 2600;
      },
      3400,
    );
    assert.ok(lowest > 2500, `${lowest} kbps`);
  });

  for (const loss of [0.01, 0.05, 0.1])
    test(`random loss of ${loss * 100} % is no reason to send less`, () => {
      const network = new SimulatedLink({ kbps: 20_000, loss });
      let lowest = Infinity;
      network.run(3000, 2600, 3400);
      network.run(
        60_000,
        () => {
          lowest = Math.min(lowest, kbpsOf(network));
          return 2600;
        },
        3400,
      );
      assert.ok(lowest > 2500, `${lowest} kbps`);
    });

  test('a link without a queue that drops what it does not carry', () => {
    const network = new SimulatedLink({ kbps: 1000, queueMs: 4 });
    network.run(10_000, () => Math.min(2600, network.estimator.estimate.kbps ?? 2600));
    assert.ok(kbpsOf(network) < 1700, `${kbpsOf(network)} kbps`);
  });

  test('while nothing is heard of a link its estimate falls, and comes back with it; a pause is no outage', () => {
    const network = new SimulatedLink({ kbps: 3000 });
    network.run(5000, 2600, 3400);
    const before = kbpsOf(network);
    network.run(10_000, 0);
    network.run(100, 2600);
    assert.ok(kbpsOf(network) > 0.9 * before, `${kbpsOf(network)} kbps after a pause`);
    network.link.loss = 1;
    network.run(1500, 2600);
    assert.ok(kbpsOf(network) > 0.9 * before, `${kbpsOf(network)} kbps after a moment`);
    network.run(4000, 2600);
    assert.ok(kbpsOf(network) < before / 8, `${kbpsOf(network)} kbps in the outage`);
    network.run(60_000, 250);
    assert.ok(kbpsOf(network) >= 30, `${kbpsOf(network)} kbps`);
    network.link.loss = 0;
    network.run(10_000, () => Math.max(250, Math.min(2600, kbpsOf(network) / 1.1)), 3400);
    assert.ok(kbpsOf(network) > 2500, `${kbpsOf(network)} kbps after it`);
  });

  test('100 ms there and back with 30 ms of jitter: no over-use in a minute', () => {
    const network = new SimulatedLink({ kbps: 10_000, delayMs: 50, jitterMs: 30 });
    let overUses = 0;
    let lowest = Infinity;
    network.run(3000, 2600, 3400);
    network.run(
      60_000,
      () => {
        if (network.estimator.estimate.use === 'over') overUses += 1;
        lowest = Math.min(lowest, kbpsOf(network));
        return 2600;
      },
      3400,
    );
    assert.equal(overUses, 0);
    assert.ok(lowest > 2500, `${lowest} kbps`);
  });
});

test('where feedback stops, nothing tells any more that all arrives in step', () => {
  const network = new SimulatedLink({ kbps: 50_000 });
  const { estimator } = network;
  network.run(1000, 3000);
  while (!estimator.estimate.isOutrun) network.run(33, 3000 + network.nowMs);
  const { kbps } = estimator.estimate;
  estimator.onSent(1, 1000, network.nowMs);
  estimator.onSent(2, 1000, network.nowMs + 5000);
  assert.ok(kbpsOf(network) < 0.6 * (kbps ?? 0), `${kbpsOf(network)} kbps`);
  assert.equal(estimator.estimate.isOutrun, false);
});

describe('bandwidth estimator without transport-wide feedback', () => {
  test("a receiver's estimate holds for as long as it is repeated, and is outgrown when it is not", () => {
    const estimator = new BandwidthEstimator();
    for (let second = 0; second < 60; second++) {
      estimator.onReceiverEstimate(500, second * 1000);
      report(estimator, second * 1000, 1);
    }
    assert.equal(estimator.estimate.kbps, 500);
    report(estimator, 60_000, 9);
    assert.equal(estimator.estimate.kbps, 500);
    report(estimator, 69_000, 10);
    assert.ok(estimator.estimate.kbps > 2500, `${estimator.estimate.kbps} kbps`);
    estimator.onReceiverEstimate(500, 80_000);
    assert.equal(estimator.estimate.kbps, 500);
  });

  test("a receiver's estimate from before the first transport-wide feedback counts no more", () => {
    const estimator = new BandwidthEstimator();
    estimator.onReceiverEstimate(100, 0);
    const network = new SimulatedLink({ kbps: 5000 }, estimator);
    network.nowMs = 100;
    network.run(5000, 2600, 3400);
    assert.ok(kbpsOf(network) > 2500, `${kbpsOf(network)} kbps`);
  });

  test('what losses took is given back when they end, however little was sent meanwhile', () => {
    const estimator = new BandwidthEstimator();
    report(estimator, 0, 5, 0.5);
    assert.ok(estimator.estimate.kbps !== undefined && estimator.estimate.kbps < 400);
    report(estimator, 5000, 40);
    assert.ok(estimator.estimate.kbps > 2500, `${estimator.estimate.kbps} kbps`);
  });
});
