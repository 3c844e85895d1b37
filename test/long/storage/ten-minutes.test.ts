import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertWhole, startRecordedSite, summary, verdict } from '../../support/recorded-site.ts';

const SECONDS = 600;
const FIVE_MINUTES_MS = 300_000;

test('ten minutes with two renewals, whichever session the service ends: every picture, sound within 40 ms, right times', async (t) => {
  const { site, channelName } = await startRecordedSite({ storage: { renewAfterMinutes: 4.5 } });
  const { storage } = site.cloud;
  try {
    storage.settings.sessionMs = FIVE_MINUTES_MS;
    await storage.connected(channelName, 2, FIVE_MINUTES_MS);
    // The next one ends its predecessor long before it is there itself: longer than a GOP.
    storage.settings.formerEnds = 'at-join';
    storage.settings.offerDelayMs = 2_500;
    const media = storage.media(channelName);
    await media.lasting(SECONDS, 1000 * SECONDS);
    const judged = await verdict(site, channelName);
    t.diagnostic(`${summary(judged)}, ${storage.sessions(channelName)} sessions`);
    assert.equal(storage.sessions(channelName), 3);
    assertWhole(judged, media, SECONDS);
  } finally {
    await site.close();
  }
});
