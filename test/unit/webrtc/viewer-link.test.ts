import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOT_RECEIVED } from '../../../src/rtp/rtcp-types.ts';
import { ViewerLink } from '../../../src/webrtc/viewer-link.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

function createLink(roundTripMs?: number) {
  const clock = new SimulatedClock();
  let answer: (() => void) | undefined;
  const user = {
    wish: () => ({ usefulKbps: 2500, wanted: false }),
    pad: () => 0,
    ask: (onAnswer: () => void) => (answer = onAnswer),
    onEstimate: () => {},
  };
  return { clock, link: new ViewerLink(clock, user, roundTripMs), answer: () => answer?.() };
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

/** Packets from `baseSequence` on, at these moments; undefined: lost. */
function feedback(arrivedMs: readonly (number | undefined)[], baseSequence = 0) {
  const arrivals = Int32Array.from(arrivedMs, (ms) => (ms === undefined ? NOT_RECEIVED : Math.round(4 * ms)));
  return {
    senderSsrc: 1,
    mediaSsrc: 2,
    baseSequence,
    count: arrivals.length,
    referenceTime: 0,
    feedbackCount: 0,
    arrivals,
  };
}

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
    link.onTransportFeedback(feedback(Array.from({ length: count }, (_, i) => spacingMs * i)));
    assert.equal(link.pacer.isHeld, false);
    const { rateKbps } = link.pacer;
    assert.ok(rateKbps > atLeast && rateKbps < atMost, `${rateKbps} kbps`);
    link.close();
  }
});

test('an answer that comes soon behind the first key frame is enough, a late one is not', () => {
  for (const { afterMs, isHeld } of [
    { afterMs: 5, isHeld: false },
    { afterMs: 100, isHeld: true },
  ]) {
    const { clock, link, answer } = createLink();
    let resumed = false;
    link.expectFeedback();
    for (let i = 0; i < 40; i += 1) link.onSent(i, 1200, clock.monotonic());
    link.pacer.waitForRelease(() => (resumed = true));
    clock.advance(afterMs);
    answer();
    assert.equal(link.pacer.isHeld, isHeld);
    assert.equal(resumed, !isHeld);
    link.close();
  }
});

test('a first feedback of few packets is no measure, nor is a time in which nothing could be sent', () => {
  const { clock, link } = createLink();
  link.expectFeedback();
  for (let i = 0; i < 20; i += 1) link.onSent(i, 1200, clock.monotonic());
  clock.advance(50);
  for (let i = 20; i < 40; i += 1) link.onSent(i, 1200, clock.monotonic());
  clock.advance(1);
  const arrivedMs = Array.from({ length: 40 }, (_, i) => (i < 20 ? 0.1 * i : 50 + 0.1 * i));
  link.onTransportFeedback(feedback(arrivedMs.slice(0, 6)));
  assert.equal(link.pacer.isHeld, true);
  link.onTransportFeedback(feedback(arrivedMs));
  assert.equal(link.pacer.isHeld, false);
  assert.ok(link.pacer.rateKbps > 40_000, `${link.pacer.rateKbps} kbps`);
  link.close();
});

test('what left slowly by our own doing does not keep a replay slow: it goes faster while it arrives in step and whole', () => {
  for (const { stretch, lostOneOf, isFaster } of [
    { stretch: 1, lostOneOf: Infinity, isFaster: true },
    { stretch: 1.2, lostOneOf: Infinity, isFaster: false },
    { stretch: 1, lostOneOf: 8, isFaster: false },
  ]) {
    const { clock, link } = createLink();
    link.expectFeedback();
    let sequence = 0;
    const sentMs: number[] = [];
    const send = (count: number, spacingMs: number) => {
      for (let i = 0; i < count; i += 1, sequence += 1) {
        link.onSent(sequence, 1200, clock.monotonic());
        sentMs.push(clock.monotonic());
        clock.advance(spacingMs);
      }
    };
    send(26, 1);
    clock.advance(50);
    link.onTransportFeedback(feedback(sentMs));
    const firstKbps = link.pacer.rateKbps;
    assert.ok(firstKbps > 8000 && firstKbps < 20_000, `${firstKbps} kbps`);
    link.pacer.spend(3_000_000);
    link.pacer.wait(() => {});
    const from = sequence;
    const beganMs = clock.monotonic();
    send(60, 9600 / firstKbps);
    link.onTransportFeedback(
      feedback(
        sentMs
          .slice(from)
          .map((ms, i) => ((i + 1) % lostOneOf === 0 ? undefined : beganMs + stretch * (ms - beganMs))),
        from,
      ),
    );
    const { rateKbps } = link.pacer;
    assert.equal(rateKbps > 1.9 * firstKbps, isFaster, `${firstKbps} kbps, then ${rateKbps}`);
    assert.ok(isFaster || rateKbps < 1.1 * firstKbps, `${firstKbps} kbps, then ${rateKbps}`);
    link.close();
  }
});
