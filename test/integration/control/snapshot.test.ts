import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { setInterval as every } from 'node:timers/promises';
import { Snapshots, type LivePictures } from '../../../src/control/snapshot.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { childPids } from '../camera/support/processes.ts';

const ENCODERS = {
  h264: 'libx264 -tune zerolatency',
  h265: 'libx265 -x265-params log-level=error:bframes=0',
  vp8: 'libvpx',
};
const FORMATS = { h264: 'h264', h265: 'hevc', vp8: 'ivf' };
const PICTURES = 5;

/** A GOP whose pictures get lighter, as the encoder made it; a picture an access unit. */
function gop(codec: LivePictures['codec']): Buffer[] {
  const lighter = `nullsrc=s=160x90:r=10,geq=lum='16+40*N':cb=128:cr=128`;
  const input = `-hide_banner -loglevel error -f lavfi -i`.split(' ');
  const output = `-frames:v ${PICTURES} -g 100 -c:v ${ENCODERS[codec]} -pix_fmt yuv420p`.split(' ');
  const bitstream = execFileSync('ffmpeg', [...input, lighter, ...output, '-f', FORMATS[codec], 'pipe:1']);
  return codec === 'vp8' ? ivfFrames(bitstream) : accessUnits(codec, bitstream);
}

function ivfFrames(file: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 32; at < file.length;) {
    const end = at + 12 + file.readUInt32LE(at);
    frames.push(file.subarray(at + 12, end));
    at = end;
  }
  return frames;
}

/** Cut before the first slice of each picture, or what stands before it. */
function accessUnits(codec: 'h264' | 'h265', stream: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let at = stream.indexOf('000001', 0, 'hex'); at >= 0; at = stream.indexOf('000001', at + 3, 'hex'))
    starts.push(at + 3);
  const units: Buffer[] = [];
  let hasSlice = true;
  for (const [i, start] of starts.entries()) {
    const first = stream.readUInt8(start);
    const type = codec === 'h264' ? first & 31 : (first >>> 1) & 63;
    const isSlice = codec === 'h264' ? type === 1 || type === 5 : type < 32;
    const isFirst = isSlice && (stream.readUInt8(start + (codec === 'h264' ? 1 : 2)) & 0x80) !== 0;
    if (hasSlice && (isFirst || !isSlice)) {
      units.push(Buffer.alloc(0));
      hasSlice = false;
    }
    hasSlice ||= isSlice;
    const unit = stream.subarray(start, starts[i + 1] === undefined ? undefined : starts[i + 1]! - 3);
    units.push(Buffer.concat([units.pop() ?? Buffer.alloc(0), Buffer.from([0, 0, 0, 1]), unit]));
  }
  return units;
}

function snapshots(t: TestContext, pictures: LivePictures): Snapshots {
  const made = new Snapshots({
    ffmpegPath: 'ffmpeg',
    nice: 0,
    livePictures: () => Promise.resolve(pictures),
    clock: systemClock,
  });
  t.after(() => made.close());
  return made;
}

/** Mean luminance, and the size. */
function look(jpeg: Buffer): { luminance: number; bytes: number } {
  const args = '-hide_banner -loglevel error -f mjpeg -i pipe:0 -pix_fmt gray -f rawvideo pipe:1'.split(' ');
  const gray = execFileSync('ffmpeg', args, { input: jpeg });
  return { luminance: gray.reduce((sum, value) => sum + value, 0) / gray.length, bytes: gray.length };
}

for (const codec of ['h264', 'h265', 'vp8'] as const)
  test(`${codec}: the picture is the last one, with its time, in the size asked for`, async (t) => {
    const units = gop(codec);
    assert.equal(units.length, PICTURES);
    const made = snapshots(t, { codec, units, captureTimeMs: 1234 });
    const { data, captureTimeMs } = await made.take({ width: 80, quality: 90 });
    assert.equal(captureTimeMs, 1234);
    const last = look(data);
    // 90 / 2, and even.
    assert.equal(last.bytes, 80 * 46);
    // The last one's 16 + 40 · 4, of 16 to 235; the one before has 140.
    assert.ok(Math.abs(last.luminance - 186) < 8, `${last.luminance}`);
  });

test('garbage is an error; an ffmpeg waits for the next snapshot, and none is left', async (t) => {
  const made = snapshots(t, { codec: 'h264', units: [Buffer.from('no picture at all')], captureTimeMs: 0 });
  await assert.rejects(made.take({ width: undefined, quality: 80 }), /^Error: no snapshot: ffmpeg/);
  const good = snapshots(t, { codec: 'h264', units: gop('h264'), captureTimeMs: 0 });
  const { data } = await good.take({ width: undefined, quality: 80 });
  for await (const _ of every(20)) if (childPids('ffmpeg').length === 1) break;
  assert.deepEqual((await good.take({ width: undefined, quality: 80 })).data, data);
  for await (const _ of every(20)) if (childPids('ffmpeg').length === 1) break;
  await Promise.all([made.close(), good.close()]);
  assert.deepEqual(childPids('ffmpeg'), []);
  await assert.rejects(good.take({ width: undefined, quality: 80 }), /is closed/);
});
