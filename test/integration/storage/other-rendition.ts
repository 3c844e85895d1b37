import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/config/layers.ts';
import type { IotCore } from '../../cloud/iot-core.ts';
import { FPS, HIGH, startRecordedSite } from '../../support/recorded-site.ts';
import { Inbox } from '../iot/support/device.ts';

const SHARP = { ...HIGH, bitrateKbps: 2_000 };
const THING = 'demo-device';
const UNPLUGGED = { type: 'v4l2', device: '/dev/video99' };

export function recordsAnotherRendition(): void {
  test('another rendition becomes the one that is recorded, beside one that is too large; metrics tell of a camera without a picture', async () => {
    const { site, channelName } = await startRecordedSite({
      renditions: { sharp: SHARP, low: HIGH },
      storage: { serveViewers: true },
      settings: { metrics: { intervalSeconds: 1 } },
      cloud: { iotCore: true },
    });
    const { storage, iot } = site.cloud;
    const media = storage.media(channelName);
    const desire = (front: JsonObject) =>
      iot.shadows.update(THING, 'kvs-webrtc', { state: { desired: { cameras: { front } } } });
    try {
      await media.lasting(3, 20_000);
      await desire({ video: { renditions: { low: SHARP, medium: HIGH } } });
      await site.agent.waitForLog('applied', ({ msg }) => msg === 'desired configuration applied');
      const before = media.pictures().at(-1)?.capturedAtMs ?? 0;
      await media.more('video', 4 * FPS);
      const after = media.pictures().filter(({ capturedAtMs }) => capturedAtMs > before);
      assert.ok(after.some(({ keyframe }) => keyframe));
      await desire({ source: UNPLUGGED });
      await recordingIs(0, iot);
      await desire({ source: null });
      await recordingIs(1, iot);
      assert.equal(storage.sessions(channelName), 1);
    } finally {
      await site.close();
    }
  });
}

/** Resolves when the metrics that come from now on say so. */
async function recordingIs(expected: 0 | 1, { mqtt }: IotCore): Promise<void> {
  const told = new Inbox<unknown>();
  await mqtt.subscribe(`kvs-webrtc/${THING}/metrics`, (_, payload) => {
    const { camera, recording }: JsonObject = JSON.parse(payload.toString());
    if (camera === 'front') told.add(recording);
  });
  await told.find((recording) => recording === expected);
}
