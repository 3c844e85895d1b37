import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ffmpegAt } from '../../../src/camera/ffmpeg-probe.ts';
import { testVideoGraph } from '../../../src/camera/test-source.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { HIGH_AND_LOW } from '../../unit/camera/support/camera-config.ts';
import { CameraRig, SMALL, type ReceivedUnit } from './support/camera-rig.ts';
import { decodeMuLaw, decodeVideo, ffmpeg, readStrips } from './support/decode.ts';

const HD = { high: HIGH_AND_LOW.high };

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const COLD_START_MS = 700;

test('cold start: a picture within 700 ms', async (context) => {
  const rig = new CameraRig({ type: 'test' }, { video: { renditions: HD } });
  // A running agent has asked ffmpeg what it can do when its first offer comes.
  await ffmpegAt('ffmpeg', systemClock).capabilities();
  const startedAt = performance.now();
  rig.camera.acquire();
  await rig.until('the first picture', () => rig.of('high').length > 0);
  const coldStartMs = performance.now() - startedAt;
  await rig.stop();
  context.diagnostic(`cold start ${Math.round(coldStartMs)} ms`);
  assert.ok(coldStartMs <= COLD_START_MS, `${coldStartMs} ms`);
});

test('every frame number and capture time can be read back', async (context) => {
  const rig = new CameraRig({ type: 'test' }, { video: { renditions: HD } });
  const hold = rig.camera.acquire();
  await rig.more('high', 150);
  hold.release();
  const pictures = rig.of('high');
  const strips = await readStrips(pictures, 1280);
  assert.ok(strips.length >= 150);
  for (const [index, strip] of strips.entries()) {
    const captureTimeMs = pictures[index]?.unit.captureTimeMs ?? 0;
    assert.equal(strip.sync, 0b10101010, `sync of frame ${index}`);
    assert.equal(strip.frameNumber, index);
    const difference = (Math.round(captureTimeMs) % 2 ** 32) - strip.captureTimeLow;
    assert.ok(Math.abs(difference) <= 1, `frame ${index} is ${difference} ms off`);
  }
  const latency = median(pictures.slice(30).map(({ unit, arrivedAt }) => arrivedAt - unit.captureTimeMs));
  context.diagnostic(`capture to access unit ${latency.toFixed(1)} ms (median)`);
  assert.ok(latency < 100, `${latency} ms`);
});

test('flash and beep begin together', async (context) => {
  const audio = { enabled: true, codec: 'pcmu' as const, bitrateKbps: 64, fec: false };
  const rig = new CameraRig(
    { type: 'test' },
    { audio, video: { renditions: { high: { ...SMALL.high, fps: 30 } } } },
  );
  const hold = rig.camera.acquire();
  await rig.until('four seconds', () => rig.of('high').length > 120 && rig.of('audio').length > 200);
  hold.release();
  const flashes = await flashTimes(rig.of('high'));
  const beeps = beepTimes(rig.of('audio'));
  assert.ok(flashes.length >= 3 && beeps.length >= 3, `${flashes.length} flashes, ${beeps.length} beeps`);
  const offsets = flashes.slice(0, 3).map((flash, index) => (beeps[index] ?? 0) - flash);
  context.diagnostic(`beep minus flash: ${offsets.map((ms) => ms.toFixed(2)).join(', ')} ms`);
  for (const offset of offsets) assert.ok(Math.abs(offset) < 5, `${offset} ms`);
});

test('without a font the picture lacks its caption only', async () => {
  const largest = { ...SMALL.high };
  await ffmpeg(
    '-filter_complex',
    `${testVideoGraph(largest, false)}[v]`,
    '-map',
    '[v]',
    '-frames:v',
    '2',
    '-f',
    'null',
    '-',
  );
});

/** When the square at the bottom right turned white. */
async function flashTimes(pictures: ReceivedUnit[]): Promise<number[]> {
  const { pixels } = await decodeVideo(pictures, 'crop=iw/16:iw/16:iw-iw/12:ih-iw/12,scale=1:1:flags=area');
  const white = [...pixels].map((luma) => luma > 225);
  const starts = white.flatMap((isWhite, index) => (isWhite && !white[index - 1] ? [index] : []));
  return starts.map((index) => pictures[index]?.unit.captureTimeMs ?? 0);
}

/** When the sound became loud, to the sample. */
function beepTimes(frames: ReceivedUnit[]): number[] {
  const times: number[] = [];
  let loudUntil = -Infinity;
  for (const { unit } of frames) {
    for (const [index, sample] of decodeMuLaw(unit.data).entries()) {
      if (Math.abs(sample) < 0.15) continue;
      const time = unit.captureTimeMs + index / 8;
      if (time > loudUntil + 200) times.push(time);
      loudUntil = time;
    }
  }
  return times;
}
