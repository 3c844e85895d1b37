import { test } from 'node:test';
import { checkHostileOffers } from '../../unit/webrtc/support/hostile-offers.ts';

test('100,000 hostile offers', () => {
  checkHostileOffers(100_000);
});
