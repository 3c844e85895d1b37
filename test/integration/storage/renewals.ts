import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveViewer } from '../../support/live-viewer.ts';
import { assertWhole, startRecordedSite, summary, verdict } from '../../support/recorded-site.ts';

const SECONDS = 60;

export function recordsOverRenewals(): void {
  test('a minute over two renewals, whichever session the service ends: every picture, sound in step, right times', async (t) => {
    const { site, channelName } = await startRecordedSite({ storage: { renewAfterMinutes: 0.45 } });
    const { storage } = site.cloud;
    try {
      await storage.connected(channelName, 1);
      await assert.rejects(LiveViewer.join(site.cloud, channelName, 'viewer'), refused);
      const { details } = await site.agent.waitForLog('refusal', ({ msg }) => msg === 'viewer refused');
      assert.match(String(details['reason']), /the channel is recorded/);
      await storage.connected(channelName, 2, 40_000);
      // The next one ends its predecessor long before it is there itself: longer than a GOP.
      storage.settings.formerEnds = 'at-join';
      storage.settings.offerDelayMs = 2_500;
      const media = storage.media(channelName);
      await media.lasting(SECONDS, 60_000);
      const judged = await verdict(site, channelName);
      t.diagnostic(`${summary(judged)}, ${storage.sessions(channelName)} sessions`);
      assert.equal(storage.sessions(channelName), 3);
      assertWhole(judged, media, SECONDS);
      const gaps = site.agent.logs.filter(({ msg }) => msg === 'the recording has a gap');
      assert.deepEqual(gaps, []);
    } finally {
      await site.close();
    }
  });
}

function refused({ cause }: Error): boolean {
  return cause instanceof Error && cause.message === 'refused';
}
