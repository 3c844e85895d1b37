import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CameraRig, SMALL } from './support/camera-rig.ts';
import { readStrips } from './support/decode.ts';
import { childPids } from './support/processes.ts';

const LADDER = { ...SMALL, low: { width: 160, height: 90, fps: 5, bitrateKbps: 60 } };

function startRig(): CameraRig {
  const rig = new CameraRig({ type: 'test' }, { video: { renditions: LADDER, keyframeIntervalSeconds: 1 } });
  rig.camera.acquire();
  return rig;
}

test('renditions come from one process: own sizes and rates, key frames at the same instants', async () => {
  const rig = startRig();
  for (const name of ['high', 'low']) rig.camera.acquireRendition(name);
  const keys = (track: string) => rig.of(track).filter(({ unit }) => unit.keyframe);
  await rig.until('four key frames of each', () => keys('high').length >= 4 && keys('low').length >= 4);
  assert.equal(childPids('ffmpeg').length, 1);
  await rig.stop();
  const times = (track: string) =>
    keys(track)
      .slice(0, 4)
      .map(({ unit }) => unit.captureTimeMs);
  assert.deepEqual(times('high'), times('low'));
  const [first = 0, , , last = 0] = times('high');
  assert.ok(Math.abs(last - first - 3000) < 1, `${last - first} ms for three intervals`);
  const within = (track: string) => rig.of(track).filter(({ unit }) => unit.captureTimeMs < last).length;
  assert.deepEqual([within('high'), within('low')], [45, 15]);
  const strips = await readStrips(rig.of('low'), 160);
  assert.ok(
    strips.every(({ sync }) => sync === 0b10101010),
    'the strip survives scaling',
  );
});

test('only what is wanted is encoded; what begins to be wanted begins with a key frame, and nothing else stops', async (t) => {
  const rig = startRig();
  await rig.more('high', 30);
  assert.equal(rig.of('low').length, 0, 'nobody wants it');
  assert.deepEqual(Object.keys(rig.camera.status().tracks).toSorted(), ['audio', 'high']);

  rig.camera.acquireRendition('high');
  const hold = rig.camera.acquireRendition('low');
  const wantedAt = Date.now();
  await rig.more('low', 5);
  const [first] = rig.of('low');
  assert.ok(first?.unit.keyframe);
  t.diagnostic(`a rendition comes ${first.arrivedAt - wantedAt} ms after it is wanted`);
  const times = rig.of('high').map(({ unit }) => unit.captureTimeMs);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  assert.ok(Math.max(...gaps) < 100, `the other has a gap of ${Math.max(...gaps)} ms`);
  hold.release();
  assert.equal(rig.camera.status().restarts, 0);
});

test('the best rendition is encoded until another one is wanted instead, and again when it is', async () => {
  const rig = startRig();
  await rig.more('high', 5);
  rig.camera.acquireRendition('low');
  await rig.more('low', 10);
  const pause = rig.of('high').length;
  await rig.more('low', 10);
  assert.equal(rig.of('high').length, pause);
  assert.equal(rig.camera.status().state, 'streaming');
  rig.camera.acquireRendition('high');
  await rig.more('high', 5);
  assert.ok(rig.of('high')[pause]?.unit.keyframe);
  assert.equal(rig.camera.status().restarts, 0);
});

test('a rendition that begins to be wanted while ffmpeg starts comes as well', async () => {
  const rig = startRig();
  while (childPids('ffmpeg').length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rig.units.length, 0);
  rig.camera.acquireRendition('high');
  rig.camera.acquireRendition('low');
  await rig.more('low', 5);
  assert.equal(rig.camera.status().restarts, 0);
});
