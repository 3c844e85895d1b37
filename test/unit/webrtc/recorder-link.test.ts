import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BandwidthEstimator } from '../../../src/rtp/congestion/bandwidth-estimator.ts';
import type { TransportFeedback } from '../../../src/rtp/rtcp-types.ts';
import { RecorderLink } from '../../../src/webrtc/recorder-link.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { SimulatedLink } from '../rtp/congestion/simulated-link.ts';

const RECORDING_KBPS = 1_000;
const NEED_KBPS = 700;
const REPORT_MS = 1_000;

/** Catches up for a minute over a link that carries so much and loses so much; shares of what was sent, and the last rate. */
function catchUp(linkKbps: number, randomLoss = 0): { lost: number; arrivedKbps: number; rateKbps: number } {
  const clock = new SimulatedClock();
  const link = new RecorderLink(clock, RECORDING_KBPS, () => NEED_KBPS);
  let [sent, arrived] = [0, 0];
  for (let second = 0; second < 60; second += 1) {
    const { rateKbps } = link.pacer;
    const arrivedKbps = (1 - randomLoss) * Math.min(rateKbps, linkKbps);
    sent += rateKbps;
    arrived += arrivedKbps;
    clock.advance(REPORT_MS);
    link.onReportedLoss(1 - arrivedKbps / rateKbps);
  }
  const { rateKbps } = link.pacer;
  link.close();
  return { lost: 1 - arrived / sent, arrivedKbps: arrived / 60, rateKbps };
}

test('a recording catches up as fast as its peer reports that the link carries', () => {
  const fast = catchUp(100_000);
  assert.deepEqual([fast.lost, fast.rateKbps], [0, 4 * RECORDING_KBPS]);
  for (const linkKbps of [1_000, 1_200, 2_000, 3_000]) {
    const { lost, arrivedKbps } = catchUp(linkKbps);
    assert.ok(lost < 0.06 && arrivedKbps > 0.85 * linkKbps, `${linkKbps}: ${arrivedKbps}, ${lost} lost`);
  }
});

test('losses by chance cost speed, not the recording; a link for less than it is not flooded', () => {
  assert.ok(catchUp(100_000, 0.05).rateKbps >= 1.25 * NEED_KBPS);
  const { lost, arrivedKbps } = catchUp(500);
  assert.ok(lost < 0.15 && arrivedKbps > 400, `${arrivedKbps}, ${lost} lost`);
});

test("what the peer estimates is heeded, but not at the recording's cost", () => {
  const clock = new SimulatedClock();
  const link = new RecorderLink(clock, RECORDING_KBPS, () => NEED_KBPS);
  clock.advance(REPORT_MS);
  link.onReportedLoss(0);
  link.onReceiverEstimate(1_200);
  assert.equal(link.pacer.rateKbps, 1_200);
  link.onReceiverEstimate(100);
  assert.equal(link.pacer.rateKbps, 1.25 * NEED_KBPS);
  link.close();
});

/** Takes what a simulated link tells its sender. */
class ToRecorder extends BandwidthEstimator {
  readonly clock = new SimulatedClock();
  readonly recorder = new RecorderLink(this.clock, RECORDING_KBPS, () => NEED_KBPS);
  readonly #originMs = this.clock.monotonic();

  override onSent(transportSequence: number, bytes: number, atMs: number): void {
    this.recorder.onSent(transportSequence, bytes, this.#originMs + atMs);
  }

  override onTransportFeedback(feedback: TransportFeedback, nowMs: number): void {
    this.clock.advance(this.#originMs + nowMs - this.clock.monotonic());
    this.recorder.onTransportFeedback(feedback);
    this.recorder.onReportedLoss(0.5);
  }
}

test('transport-wide feedback is heeded before all: a narrow link loses little, a wide one is used', () => {
  for (const [kbps, least, most] of [
    [1_200, 700, 1_300],
    [20_000, 3_000, 4_000],
  ] as const) {
    const way = new ToRecorder();
    const network = new SimulatedLink({ kbps, queueMs: 250 }, way);
    let [packets, rate] = [0, 0];
    network.run(40_000, () => {
      rate = way.recorder.pacer.rateKbps;
      packets += (rate * 33) / 8 / 1_200;
      return rate;
    });
    assert.ok(rate > least && rate < most + 1, `${rate} kbps on ${kbps}`);
    assert.ok(network.lostPackets < 0.02 * packets, `${network.lostPackets} of ${packets} lost on ${kbps}`);
    way.recorder.close();
  }
});
