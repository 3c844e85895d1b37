import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME_MS, frameNumbers, range, TestCamera, watch } from './sender-setup.ts';

/** A camera whose last GOPs are all kept. */
function recorded(gops: number): TestCamera {
  const camera = new TestCamera({ historyMs: 30_000 });
  for (let i = 0; i < gops; i++) camera.gop(9);
  return camera;
}

test('a recorder gets everything from the key frame before the given moment on, each frame once and at its own time', () => {
  const camera = recorded(5);
  const { viewer, sender } = watch(camera, { recordFromMs: 15 * FRAME_MS, paceKbps: 4000 });
  sender.start();
  // More comes while it catches up, a key frame too.
  for (let i = 0; i < 40; i++) camera.capture(i % 10 === 0);
  assert.deepEqual(frameNumbers(viewer), range(11, 90));
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  for (let i = 1; i < stamps.length; i++) assert.equal((stamps[i]! - stamps[i - 1]!) >>> 0, FRAME_MS * 90);
  const recordings = viewer.packets.size;
  sender.onPictureLoss(sender.ssrc);
  camera.clock.advance(1000);
  assert.equal(viewer.packets.size, recordings, 'nothing is sent twice');
  camera.capture();
  assert.deepEqual(frameNumbers(viewer), range(11, 91));
});

test('what is no longer kept is left out; without a key frame the next one is awaited', () => {
  const camera = new TestCamera({ historyMs: 400 });
  for (let i = 0; i < 5; i++) camera.gop(9);
  const late = watch(camera, { recordFromMs: 0 });
  late.sender.start();
  camera.clock.advance(50);
  assert.deepEqual(frameNumbers(late.viewer), range(41, 50));
  const empty = new TestCamera();
  const early = watch(empty, { recordFromMs: 0 });
  early.sender.start();
  empty.capture();
  empty.gop(2);
  assert.deepEqual(frameNumbers(early.viewer), [2, 3, 4]);
});
