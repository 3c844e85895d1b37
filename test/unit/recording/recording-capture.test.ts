import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, integer, property, record } from 'fast-check';
import type { CameraConfig, RenditionConfig } from '../../../src/config/config.ts';
import { captureOf } from '../../../src/recording-capture.ts';
import { planInputs } from '../../../src/camera/capture-plan.ts';
import { cameraConfig } from '../camera/support/camera-config.ts';

const STORAGE = { enabled: true, maxBitrateKbps: 1000, serveViewers: false, renewAfterMinutes: 52 };
const LOW = { width: 640, height: 360, fps: 15, bitrateKbps: 600 };
const HIGH = { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 };

function camera(
  renditions: Record<string, RenditionConfig>,
  storage: Partial<CameraConfig['storage']> = {},
): CameraConfig {
  const source = { type: 'rtsp', url: 'rtsp://camera.test/' } as const;
  return cameraConfig(source, { storage: { ...STORAGE, ...storage }, video: { renditions } });
}

test('the best rendition below the limit is recorded, and nothing else is captured', () => {
  const { config, rendition } = captureOf(camera({ high: HIGH, low: LOW }));
  assert.equal(rendition, 'low');
  assert.deepEqual(config.video.renditions, { low: LOW });
});

test('a rendition is made where none fits, as sharp per pixel as the best one', () => {
  const { config, rendition } = captureOf(camera({ high: HIGH }));
  assert.deepEqual(config.video.renditions[rendition], {
    width: 754,
    height: 424,
    fps: 30,
    bitrateKbps: 871,
  });
  const [input] = planInputs(config);
  assert.deepEqual(
    input?.tracks.map((track) => (track.kind === 'video' ? track.passThrough : track.codec)),
    [false, 'opus'],
  );
});

test('viewers keep their renditions where they are served', () => {
  const { config } = captureOf(camera({ high: HIGH, low: LOW }, { serveViewers: true }));
  assert.deepEqual(Object.keys(config.video.renditions), ['high', 'low']);
});

test('without recording the capture is what is configured', () => {
  const config = camera({ high: HIGH }, { enabled: false });
  assert.deepEqual(captureOf(config), { config, rendition: '' });
});

test('whatever is configured, the recording keeps to the limits of ingestion', () => {
  const side = integer({ min: 16, max: 1920 }).map((half) => 2 * half);
  const rendition = record({
    width: side,
    height: side,
    fps: integer({ min: 1, max: 120 }),
    bitrateKbps: integer({ min: 30, max: 50_000 }),
  });
  check(
    property(rendition, integer({ min: 100, max: 50_000 }), (high, maxBitrateKbps) => {
      const { config, rendition: name } = captureOf(camera({ high }, { maxBitrateKbps }));
      const { width, height, bitrateKbps } = config.video.renditions[name] ?? HIGH;
      assert.ok(bitrateKbps + config.audio.bitrateKbps <= maxBitrateKbps);
      assert.ok(width <= 1920 && height <= 1920 && width >= 32 && height >= 32);
      assert.ok(width % 2 === 0 && height % 2 === 0);
    }),
  );
});
