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
