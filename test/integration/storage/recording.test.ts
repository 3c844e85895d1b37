import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FPS, largest, startRecordedSite, verdict } from '../../support/recorded-site.ts';

test('a recording over two renewals, whichever session the service ends: every picture, sound in step, right times', async (t) => {
  const { site, channelName } = await startRecordedSite({ renewAfterMinutes: 0.1 });
  const { storage } = site.cloud;
  try {
    await storage.connected(channelName, 1);
    await storage.connected(channelName, 2);
    // The next one ends its predecessor before it is there itself.
    storage.settings.formerEnds = 'at-join';
    storage.settings.offerDelayMs = 700;
    await storage.connected(channelName, 3);
    await storage.media(channelName).more('audio', 100);
    const judged = await verdict(site, channelName);
    const { steps, clockErrorsMs, beepAfterFlashMs, seconds, strips } = judged;
    t.diagnostic(
      `${strips.length} pictures in ${seconds.toFixed(1)} s of 3 sessions, steps ${JSON.stringify(steps)}, ` +
        `beep after flash ${beepAfterFlashMs.map(Math.round).join(' ')} ms, ` +
        `capture times wrong by at most ${largest(clockErrorsMs).toFixed(1)} ms`,
    );
    assert.deepEqual(steps, []);
    assert.ok(Math.abs(strips.length - seconds * FPS) < 3, `${strips.length} pictures in ${seconds} s`);
    assert.ok(beepAfterFlashMs.length >= seconds - 2, `${beepAfterFlashMs.length} beeps`);
    assert.ok(largest(beepAfterFlashMs) <= 40, `${largest(beepAfterFlashMs)} ms between flash and beep`);
    assert.ok(largest(clockErrorsMs) <= 20, `${largest(clockErrorsMs)} ms`);
    assert.ok(largest(storage.media(channelName).clockOffsetsMs) < 100);
    assert.equal(storage.media(channelName).incomplete, 0);
    const gaps = site.agent.logs.filter(({ msg }) => msg === 'the recording has a gap');
    assert.deepEqual(gaps, []);
  } finally {
    await site.close();
  }
});
