import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FPS, largest, startRecordedSite, verdict } from '../../support/recorded-site.ts';

const MINUTE_MS = 60_000;

test('ten minutes with two renewals: every picture, sound within 40 ms, right times', async (t) => {
  const { site, channelName } = await startRecordedSite({ renewAfterMinutes: 4 });
  const { storage } = site.cloud;
  try {
    storage.settings.sessionMs = 5 * MINUTE_MS;
    await storage.connected(channelName, 1);
    const media = storage.media(channelName);
    await media.more('video', 10 * 60 * FPS, 12 * MINUTE_MS);
    const { steps, clockErrorsMs, beepAfterFlashMs, seconds, strips } = await verdict(site, channelName);
    t.diagnostic(
      `${strips.length} pictures in ${seconds.toFixed(1)} s of ${storage.sessions(channelName)} sessions, ` +
        `steps ${JSON.stringify(steps)}, beep after flash at most ${largest(beepAfterFlashMs).toFixed(1)} ms, ` +
        `capture times wrong by at most ${largest(clockErrorsMs).toFixed(1)} ms`,
    );
    assert.ok(storage.sessions(channelName) >= 3);
    assert.deepEqual(steps, []);
    assert.ok(beepAfterFlashMs.length > 0.95 * seconds, `${beepAfterFlashMs.length} beeps`);
    assert.ok(largest(beepAfterFlashMs) <= 40);
    assert.ok(largest(clockErrorsMs) <= 20);
    assert.ok(largest(media.clockOffsetsMs) < 200);
  } finally {
    await site.close();
  }
});
