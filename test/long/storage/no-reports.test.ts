import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { missingPictures, RecorderRig } from '../../integration/storage/support/recorder-rig.ts';

/** Longer than what is kept. */
const RENEW_AFTER_MS = 40_000;
/** A session without reports is believed to receive after three seconds: the first, which counts from then, and the next. */
const BELIEVED_SECONDS = 7;

test('a storage side that sends no reports is believed to receive: a renewal is no gap', async () => {
  const cloud = await startLocalCloud();
  cloud.trust();
  cloud.createChannel('camera');
  cloud.context.channels.enableStorage('camera');
  cloud.storage.settings.reportEveryMs = 3_600_000;
  const recorder = new RecorderRig(cloud, 'camera', { renewAfterMs: RENEW_AFTER_MS, connectMs: 10_000 });
  try {
    recorder.start();
    await cloud.storage.connected('camera', 2, 2 * RENEW_AFTER_MS);
    const media = cloud.storage.media('camera');
    await media.lasting(RENEW_AFTER_MS / 1_000 + BELIEVED_SECONDS, 30_000);
    assert.deepEqual(missingPictures(media), []);
    assert.equal(media.incomplete, 0);
    assert.equal(recorder.session.counters.renewals, 1);
    assert.deepEqual(recorder.gaps, []);
    assert.equal(recorder.session.counters.losses, 0);
  } finally {
    await recorder.stop();
    await cloud.close();
  }
});
