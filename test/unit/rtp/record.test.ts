import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME_MS, frameNumbers, range, RTX, TestCamera, watch } from './sender-setup.ts';

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

type Span = [fromMs: number, untilMs: number];

/** A recorder, what is told to be missing, and when each frame was pushed. */
function recording(camera: TestCamera, paceKbps?: number) {
  const lost: Span[] = [];
  const options = { recordFromMs: 0, onLost: (...span: Span) => lost.push(span) };
  const watching = watch(camera, paceKbps === undefined ? options : { ...options, paceKbps });
  const originMs = camera.clock.monotonic();
  return { ...watching, lost, pushedMs: (number: number) => originMs + (number - 1) * FRAME_MS };
}

for (const gaveUp of [true, false])
  test(`a picture ${gaveUp ? 'that was asked for in vain is told, up to the next key frame' : 'that was repaired at last is not told'}`, () => {
    const camera = new TestCamera({ historyMs: 30_000 });
    const { viewer, sender, lost, pushedMs } = recording(camera);
    sender.start();
    camera.gop(9);
    for (let i = 0; i < 3; i += 1) camera.capture(i === 0);
    viewer.arrives = () => false;
    camera.capture();
    viewer.arrives = (datagram) => (datagram[1]! & 0x7f) !== RTX;
    for (let i = 0; i < 36; i += 1) {
      camera.capture(i % 10 === 6);
      if (i === 30 && !gaveUp) viewer.arrives = () => true;
      for (const index of viewer.missing()) sender.onNack(sender.ssrc, index & 0xffff, 0);
      if (i % 25 === 0) sender.report();
    }
    if (gaveUp) sender.onPictureLoss(sender.ssrc);
    assert.equal(viewer.missing().length > 0, gaveUp);
    for (let i = 0; i < 200; i += 1) {
      camera.capture(i % 10 === 0);
      if (i % 25 === 0) sender.report();
    }
    assert.deepEqual(lost, gaveUp ? [[pushedMs(14), pushedMs(21)]] : []);
    sender.close();
    assert.equal(lost.length, gaveUp ? 1 : 0, 'once');
  });

test('what is dropped before a slow link lets it leave is told, and the rest is sent', () => {
  const camera = new TestCamera({ historyMs: 1_000 });
  // The camera makes 520 kbps.
  const { viewer, sender, lost, pushedMs } = recording(camera, 300);
  sender.start();
  for (let i = 0; i < 40; i += 1) {
    camera.gop(9);
    sender.report();
  }
  sender.close();
  const sent = new Set(frameNumbers(viewer));
  const missing = range(1, 370).filter((number) => !sent.has(number));
  assert.ok(sent.size > 150 && missing.length > 100, `${sent.size} sent, ${missing.length} missing`);
  for (const number of missing) {
    const atMs = pushedMs(number);
    assert.ok(
      lost.some(([fromMs, untilMs]) => atMs >= fromMs && atMs < untilMs),
      `frame ${number}`,
    );
  }
});
