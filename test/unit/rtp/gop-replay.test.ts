import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MediaStream } from '../../../src/rtp/media-stream.ts';
import type { RtpViewer } from '../../support/rtp-viewer.ts';
import { FRAME_MS, frameNumbers, range, TestCamera, watch } from './sender-setup.ts';

/** Timestamps in order of arrival, made continuous. */
function assertStampsRise(viewer: RtpViewer): void {
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  for (let i = 1; i < stamps.length; i++) {
    const ticks = (stamps[i]! - stamps[i - 1]!) | 0;
    assert.ok(ticks > 0, `frame ${i}: ${ticks} ticks after the one before`);
  }
}

test('a viewer that joins within a GOP gets it from its key frame on, then the live edge', () => {
  const camera = new TestCamera();
  camera.gop(25);
  camera.gop(10);
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.clock.advance(20);
  assert.deepEqual(frameNumbers(viewer), range(27, 37));
  const newest = viewer.frames().at(-1)!.timestamp;
  camera.capture();
  assert.deepEqual(frameNumbers(viewer), range(27, 38));
  assertStampsRise(viewer);
  // The newest cached frame has its own time, and the 2 ms that the replay took: 20 ms went by before the next one was captured.
  const ticks = (viewer.frames().at(-1)!.timestamp - newest) >>> 0;
  assert.ok(Math.abs(ticks - (FRAME_MS + 20 - 2) * 90) < 100, `${ticks} ticks`);
});

test('the stamps of a slow replay and of what follows go by the time they are sent at', () => {
  const camera = new TestCamera();
  camera.gop(50);
  const { viewer, sender } = watch(camera, { paceKbps: 2000 });
  const sentMs: number[] = [];
  sender.start();
  for (let ms = 1; ms < 2000; ms++) {
    camera.clock.advance(1);
    if (ms % FRAME_MS === 0) camera.stream.push(camera.unit(false, 2000));
    while (sentMs.length < sender.stats().frames) sentMs.push(ms);
  }
  const stamps = viewer.frames().map(({ timestamp }) => timestamp);
  const lateMs = stamps.map((stamp, i) => sentMs[i]! - ((stamp - stamps[0]!) >>> 0) / 90);
  assert.ok(stamps.length > 90, `${stamps.length} frames`);
  // The replay takes 430 ms. Its key frame takes 32; ten frames wait for its end and then for one another, 8 ms each.
  assert.ok(
    Math.max(...lateMs) - Math.min(...lateMs) < 130,
    `${Math.min(...lateMs)} to ${Math.max(...lateMs)} ms late`,
  );
});

test('without a GOP a viewer waits for the key frame', () => {
  const camera = new TestCamera();
  const early = watch(camera);
  early.sender.start();
  camera.capture();
  camera.capture();
  assert.equal(early.viewer.datagrams.length, 0);
  camera.gop(2);
  assert.deepEqual(frameNumbers(early.viewer), [3, 4, 5]);
  camera.stream.markDamaged();
  const late = watch(camera);
  late.sender.start();
  camera.capture();
  assert.equal(late.viewer.datagrams.length, 0, 'a damaged GOP is not replayed');
  camera.gop(1);
  assert.deepEqual(frameNumbers(late.viewer), [7, 8]);
});

test('a replay keeps to its rate while new frames queue behind it', () => {
  const camera = new TestCamera();
  camera.gop(50);
  const gopBytes = camera.stream.gop!.payloadBytes;
  const { viewer, sender } = watch(camera, { paceKbps: 4000 });
  sender.start();
  let reachedMs = 0;
  for (let ms = 0; reachedMs === 0 && ms < 2000; ms++) {
    camera.clock.advance(1);
    if (ms % FRAME_MS === 0) camera.stream.push(camera.unit(false, 2000));
    const bytes = viewer.datagrams.reduce((sum, datagram) => sum + datagram.length - 46, 0);
    assert.ok(bytes <= (ms + 2) * 500 + 1160 + 2000, `${bytes} bytes after ${ms} ms`);
    if (sender.stats().frames === camera.units.length) reachedMs = ms;
  }
  // 2000 bytes every 40 ms take a tenth of the rate.
  const expectedMs = gopBytes / 450;
  assert.ok(
    reachedMs > expectedMs * 0.9 && reachedMs < expectedMs * 1.15,
    `${reachedMs} ms, not about ${expectedMs}`,
  );
  camera.clock.advance(10);
  assert.equal(frameNumbers(viewer).at(-1), camera.units.length);
  assert.equal(viewer.frames().length, camera.units.length);
  assertStampsRise(viewer);
});

test('what came during a long replay follows it, however late', () => {
  const camera = new TestCamera();
  camera.gop(50);
  // The replay takes half a second; the live picture, a quarter of the pace, catches up behind it.
  const { viewer, sender } = watch(camera, { paceKbps: 1600 });
  sender.start();
  for (let frame = 0; frame < 75; frame++) camera.capture();
  assert.deepEqual(frameNumbers(viewer), range(1, camera.units.length));
});

test('a new key frame cancels what is left of a replay', () => {
  const camera = new TestCamera();
  camera.gop(50);
  const { viewer, sender } = watch(camera, { paceKbps: 2000 });
  sender.start();
  camera.clock.advance(100);
  camera.gop(3);
  camera.clock.advance(1000);
  const numbers = frameNumbers(viewer);
  assert.deepEqual(numbers.slice(-4), range(52, 55));
  assert.ok(numbers.length < 20);
  assertStampsRise(viewer);
});

test('a GOP that outgrew the history is not replayed', () => {
  const camera = new TestCamera({ historyBytes: 100_000 });
  camera.gop(80);
  assert.ok(camera.stream.bytes <= 100_000);
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.clock.advance(100);
  assert.equal(viewer.datagrams.length, 0);
});

test('PLI and FIR bring a replay at once, at most one a second; what came sooner is served when it may', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(20);
  sender.onPictureLoss(sender.ssrc ^ 1);
  assert.equal(sender.stats().replays, 0, 'meant for another source');
  sender.onPictureLoss(sender.ssrc);
  assert.equal(sender.stats().replays, 1);
  camera.clock.advance(10);
  assert.deepEqual(frameNumbers(viewer).slice(21), range(1, 21));
  sender.onFullIntraRequest(sender.ssrc, 1);
  assert.equal(sender.stats().replays, 1);
  for (let i = 0; i < 30; i++) camera.capture();
  assert.equal(sender.stats().replays, 2);
  camera.clock.advance(1000);
  sender.onFullIntraRequest(sender.ssrc, 1);
  assert.equal(sender.stats().replays, 2, 'the same request again');
  sender.onFullIntraRequest(sender.ssrc, 2);
  assert.equal(sender.stats().replays, 3);
  assertStampsRise(viewer);
});

test('a replay that would end after the next key frame is due is left to the key frame', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera, { paceKbps: 2000 });
  sender.start();
  camera.gop(24);
  camera.gop(20);
  // 48 000 bytes take 190 ms; the key frame is due in 160 ms.
  sender.onPictureLoss(sender.ssrc);
  camera.capture();
  assert.equal(sender.stats().replays, 0);
  camera.gop(5);
  assert.equal(sender.stats().replays, 0, 'the key frame served the request');
  sender.onPictureLoss(sender.ssrc);
  assert.equal(sender.stats().replays, 1);
  camera.clock.advance(200);
  assert.deepEqual(frameNumbers(viewer).slice(-6), range(48, 53));
});

test('a change of rendition replays the other GOP and leaves the first stream', () => {
  const camera = new TestCamera();
  const other = new TestCamera();
  const low = new MediaStream({ codec: 'h264', clock: camera.clock });
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(5);
  for (let i = 0; i < 6; i++)
    low.push({ ...other.unit(i === 0, 500 + i), captureTimeMs: camera.clock.now() });
  sender.switchTo(low);
  camera.clock.advance(10);
  camera.capture();
  low.push({ ...other.unit(false, 507), captureTimeMs: camera.clock.now() });
  const sizes = viewer.frames().map(({ data }) => data.length);
  assert.deepEqual(sizes, [8000, 2000, 2000, 2000, 2000, 2000, 500, 501, 502, 503, 504, 505, 507]);
  assert.equal(sender.stream, low);
  assertStampsRise(viewer);
});

test('where the other rendition has no GOP yet, the first goes on until its key frame', () => {
  const camera = new TestCamera();
  const low = new MediaStream({ codec: 'h264', clock: camera.clock });
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(3);
  low.push({ ...camera.unit(false, 500), captureTimeMs: camera.clock.now() });
  sender.switchTo(low);
  camera.capture();
  low.push({ ...camera.unit(true, 600), captureTimeMs: camera.clock.now() });
  camera.capture();
  low.push({ ...camera.unit(false, 700), captureTimeMs: camera.clock.now() });
  assert.deepEqual(
    viewer.frames().map(({ data }) => data.length),
    [8000, 2000, 2000, 2000, 2000, 600, 700],
  );
  assertStampsRise(viewer);
  assert.throws(
    () => sender.switchTo(new MediaStream({ codec: 'vp8', clock: camera.clock })),
    /h264 cannot change to vp8/,
  );
});

test('a paused viewer gets nothing and resumes with a picture', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(5);
  sender.pause();
  assert.ok(sender.paused);
  camera.gop(5);
  camera.gop(5);
  assert.deepEqual(frameNumbers(viewer), range(1, 6));
  sender.start();
  camera.clock.advance(10);
  camera.capture();
  assert.deepEqual(frameNumbers(viewer), [...range(1, 6), ...range(13, 19)]);
  assertStampsRise(viewer);
});

test('timestamps rise after a replay although the next frame was captured early', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(20);
  const newestMs = camera.clock.now() - FRAME_MS;
  sender.onPictureLoss(sender.ssrc);
  camera.clock.advance(10);
  for (let i = 1; i < 5; i++)
    camera.stream.push({ ...camera.unit(false, 900), captureTimeMs: newestMs + 5 * i });
  assert.equal(viewer.frames().length, 21 + 21 + 4);
  assertStampsRise(viewer);
});
