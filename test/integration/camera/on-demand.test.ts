import assert from 'node:assert/strict';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { CameraRig } from './support/camera-rig.ts';
import { childPids } from './support/processes.ts';

test('the camera is on while it is held and for the grace period, and starts again', async () => {
  const rig = new CameraRig({ type: 'test' }, { idleGraceSeconds: 0.5 });
  assert.equal(rig.camera.status().state, 'off');
  const first = rig.camera.acquire();
  await rig.more('high', 3);
  first.release();
  const second = rig.camera.acquire();
  await rig.more('high', 15);
  assert.deepEqual(new Set(rig.statuses.map(({ state }) => state)), new Set(['starting', 'streaming']));
  second.release();
  await rig.until('off', () => rig.camera.status().state === 'off');
  assert.deepEqual(childPids('ffmpeg'), []);
  const lastFrameAt = rig.camera.status().lastFrameAt ?? 0;
  assert.ok(Date.now() - lastFrameAt < 5000);
  const third = rig.camera.acquire();
  await rig.until('on again', () => rig.camera.status().state === 'streaming');
  assert.ok(rig.units.findLast(({ track }) => track === 'high')?.unit.keyframe);
  third.release();
});

test('a holder that comes while the camera stops gets a picture', async () => {
  const rig = new CameraRig({ type: 'test' });
  rig.camera.acquire().release();
  await rig.until('the stop has begun', () => rig.statuses.length > 0);
  rig.camera.acquire();
  await rig.more('high', 5);
});

test('prewarm keeps it on without anybody', async () => {
  const rig = new CameraRig({ type: 'test' }, { prewarm: true });
  await rig.more('high', 5);
  await rig.stop();
  assert.deepEqual(childPids('ffmpeg'), []);
});

test('a camera that nobody watches is looked at now and then', async () => {
  const rig = new CameraRig({ type: 'test' }, { probeIntervalSeconds: 0.2 });
  await rig.until('a first look', () => rig.camera.status().lastFrameAt !== undefined);
  await rig.until('off', () => rig.camera.status().state === 'off');
  const firstLook = rig.camera.status().lastFrameAt ?? 0;
  await rig.until('a second look', () => (rig.camera.status().lastFrameAt ?? 0) > firstLook + 100);
});

test('a disabled camera never runs', async () => {
  const rig = new CameraRig({ type: 'test' }, { enabled: false, prewarm: true, probeIntervalSeconds: 0.05 });
  rig.camera.acquire();
  const other = new CameraRig({ type: 'test' });
  other.camera.acquire();
  await other.more('high', 10);
  await other.stop();
  assert.equal(rig.camera.status().state, 'off');
  assert.deepEqual(childPids('ffmpeg'), []);
  await rig.stop();
});

test('a listener that throws harms nobody', async () => {
  const rig = new CameraRig({ type: 'test' });
  rig.camera.onAccessUnit(() => {
    throw new Error('this viewer is broken');
  });
  const hold = rig.camera.acquire();
  await rig.more('high', 10);
  hold.release();
  assert.equal(rig.camera.status().restarts, 0);
  assert.ok(rig.logged.some((line) => line.includes('this viewer is broken')));
});

test('capture steps back for other processes by the niceness that is set', async () => {
  const rig = new CameraRig({ type: 'test' }, { ffmpegNice: 7 });
  const hold = rig.camera.acquire();
  await rig.more('high', 3);
  assert.deepEqual(childPids('ffmpeg').map(getPriority), [7]);
  hold.release();
  await rig.stop();
});
