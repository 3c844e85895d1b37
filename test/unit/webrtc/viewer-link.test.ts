import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ViewerLink } from '../../../src/webrtc/viewer-link.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

test('pictures are paced unless the link has room, and for five seconds after it was seen full', () => {
  const clock = new SimulatedClock();
  const user = { wish: () => ({ usefulKbps: 2500, wanted: false }), pad: () => 0, onEstimate: () => {} };
  const link = new ViewerLink(clock, user, undefined);
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
