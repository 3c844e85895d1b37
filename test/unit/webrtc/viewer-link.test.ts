import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ViewerLink } from '../../../src/webrtc/viewer-link.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

function createLink(roundTripMs?: number) {
  const clock = new SimulatedClock();
  const user = { wish: () => ({ usefulKbps: 2500, wanted: false }), pad: () => 0, onEstimate: () => {} };
  return { clock, link: new ViewerLink(clock, user, roundTripMs) };
}

test('pictures are paced unless the link has room, and for five seconds after it was seen full', () => {
  const { clock, link } = createLink();
  const isWide = (kbps: number) => {
    link.onReceiverEstimate(kbps);
    return link.pacer.isWide;
  };
  assert.equal(link.pacer.isWide, false, 'nothing is known');
  assert.equal(isWide(3000), false);
  assert.equal(isWide(20_000), true);
  link.onReportedLoss(0.05);
  assert.equal(link.pacer.isWide, false);
  clock.advance(1000);
  link.onReportedLoss(0);
  clock.advance(3000);
  assert.equal(isWide(20_000), false);
  clock.advance(2000);
  assert.equal(isWide(20_000), true);
  link.close();
});

test('a viewer far away is sent to with care at first, and faster while nothing tells of an end', () => {
  const { clock, link } = createLink(60);
  assert.equal(link.pacer.rateKbps, 8000);
  for (let i = 0; i < 10; i += 1) {
    clock.advance(1000);
    link.onReportedLoss(0);
  }
  assert.equal(link.pacer.rateKbps, 100_000);
  link.close();
});

test('how the packets of the first key frame arrive tells how fast the rest is sent', () => {
  for (const { spacingMs, atLeast, atMost } of [
    { spacingMs: 3.2, atLeast: 2800, atMost: 3600 },
    { spacingMs: 0, atLeast: 40_000, atMost: Infinity },
  ]) {
    const { clock, link } = createLink();
    link.expectFeedback();
    assert.equal(link.pacer.isHeld, true);
    const count = 40;
    for (let i = 0; i < count; i += 1) link.onSent(i, 1200, clock.monotonic());
    clock.advance(count * spacingMs + 50);
    const arrivals = Int32Array.from({ length: count }, (_, i) => Math.round(4 * spacingMs * i));
    const feedback = {
      senderSsrc: 1,
      mediaSsrc: 2,
      baseSequence: 0,
      count,
      referenceTime: 0,
      feedbackCount: 0,
    };
    link.onTransportFeedback({ ...feedback, arrivals });
    assert.equal(link.pacer.isHeld, false);
    const { rateKbps } = link.pacer;
    assert.ok(rateKbps > atLeast && rateKbps < atMost, `${rateKbps} kbps`);
    link.close();
  }
});
