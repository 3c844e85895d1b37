import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FPS, HIGH, startRecordedSite } from '../../support/recorded-site.ts';

const SHARP = { ...HIGH, bitrateKbps: 2_000 };

export function recordsAnotherRendition(): void {
  test('another rendition becomes the one that is recorded: it is produced, beside one that is too large', async () => {
    const { site, channelName } = await startRecordedSite({
      renditions: { sharp: SHARP, low: HIGH },
      storage: { serveViewers: true },
      cloud: { iotCore: true },
    });
    const { storage, iot } = site.cloud;
    const media = storage.media(channelName);
    try {
      await media.lasting(3, 20_000);
      const cameras = { front: { video: { renditions: { low: SHARP, medium: HIGH } } } };
      await iot.shadows.update('demo-device', 'kvs-webrtc', { state: { desired: { cameras } } });
      await site.agent.waitForLog('applied', ({ msg }) => msg === 'desired configuration applied');
      const before = media.pictures().at(-1)?.capturedAtMs ?? 0;
      await media.more('video', 4 * FPS);
      const after = media.pictures().filter(({ capturedAtMs }) => capturedAtMs > before);
      assert.ok(after.some(({ keyframe }) => keyframe));
      assert.equal(storage.sessions(channelName), 1);
    } finally {
      await site.close();
    }
  });
}
