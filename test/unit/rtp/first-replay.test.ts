import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MediaStream } from '../../../src/rtp/media-stream.ts';
import { FRAME_MS, frameNumbers, range, TestCamera, watch } from './sender-setup.ts';

const HOLD_MS = 150;

test('on an unknown link the key frame goes first, the rest when the link is known, at its rate and stamped by it', () => {
  const camera = new TestCamera();
  camera.gop(25);
  const { viewer, sender, pacer } = watch(camera);
  pacer.hold(HOLD_MS, () => {});
  sender.start();
  camera.capture();
  camera.capture();
  assert.deepEqual(frameNumbers(viewer), [1]);
  pacer.rateKbps = 1600;
  const beganAtMs = camera.clock.monotonic();
  pacer.release();
  const sentMs: number[] = [];
  while (sentMs.length < 27) {
    camera.clock.advance(1);
    const { frames } = sender.stats();
    while (sentMs.length < frames - 1) sentMs.push(camera.clock.monotonic() - beganAtMs);
  }
  camera.clock.advance(20);
  assert.deepEqual(frameNumbers(viewer), range(1, 28));
  // 54 000 bytes at 200 a millisecond.
  assert.ok(Math.abs(sentMs.at(-1)! - 270) < 20, `${sentMs.at(-1)} ms`);
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  const lateMs = sentMs.map((ms, i) => ms - ((stamps[i + 1]! - stamps[1]!) >>> 0) / 90);
  assert.ok(Math.max(...lateMs) - Math.min(...lateMs) < 30, lateMs.join());
  assert.equal(sender.stats().replays, 1);
});

test('feedback that does not come is not waited for: the rest goes with care', () => {
  const camera = new TestCamera();
  camera.gop(50);
  const { viewer, sender, pacer } = watch(camera);
  pacer.hold(HOLD_MS, () => {});
  sender.start();
  for (let ms = 0; ms < HOLD_MS; ms += FRAME_MS) camera.capture();
  assert.equal(frameNumbers(viewer).length > 1, true);
  assert.equal(pacer.rateKbps, 8000);
  camera.clock.advance(200);
  assert.deepEqual(frameNumbers(viewer), range(1, camera.units.length));
});

/** A camera with another rendition beside it, a tenth of its size; `both` captures a frame of each. */
function ladder() {
  const camera = new TestCamera();
  const small = new MediaStream({ codec: 'h264', clock: camera.clock });
  const other = new TestCamera();
  const both = (keyframe: boolean) => {
    small.push({ ...other.unit(keyframe, keyframe ? 800 : 200), captureTimeMs: camera.clock.now() });
    camera.capture(keyframe);
  };
  const gop = (deltas: number) => {
    both(true);
    for (let i = 0; i < deltas; i++) both(false);
  };
  return { camera, small, both, gop };
}

test('what is left is not sent where another rendition is known to suit the link', () => {
  const { camera, small, gop } = ladder();
  const { viewer, sender, pacer } = watch(camera);
  gop(50);
  gop(40);
  pacer.hold(HOLD_MS, () => {});
  sender.start();
  // It takes a second at this rate, and the next key frame is due in 400 ms.
  pacer.rateKbps = 70;
  sender.switchTo(small);
  pacer.release();
  camera.clock.advance(300);
  const sizes = viewer.frames().map(({ data }) => data.length);
  assert.deepEqual(sizes.slice(0, 4), [8000, 800, 200, 200]);
  assert.equal(sizes.includes(2000), false);
});

test('a viewer that pauses before anything is known begins anew', () => {
  const camera = new TestCamera();
  camera.gop(10);
  const { viewer, sender, pacer } = watch(camera);
  pacer.hold(HOLD_MS, () => {});
  sender.start();
  sender.pause();
  camera.clock.advance(2 * HOLD_MS);
  assert.deepEqual(frameNumbers(viewer), [1]);
  sender.start();
  pacer.release();
  camera.clock.advance(10);
  assert.deepEqual(frameNumbers(viewer), [1, ...range(1, 11)]);
});

test('a link that has become too small for the picture is not left idle until the next key frame', () => {
  const { camera, small, both, gop } = ladder();
  const { viewer, sender, pacer } = watch(camera, { paceKbps: 2000 });
  sender.start();
  gop(99);
  gop(60);
  // 400 kbps of picture, and 40 of the small one, whose 61 pictures would take 3 s: its next key frame is due in 1.6.
  pacer.rateKbps = 35;
  sender.switchTo(small);
  const before = viewer.frames().length;
  for (let i = 0; i < 30; i++) both(false);
  const sizes = viewer.frames().map(({ data }) => data.length);
  assert.equal(sender.stream, small);
  assert.ok(sizes.slice(before).filter((bytes) => bytes === 200).length > 5, sizes.slice(before).join());
});
