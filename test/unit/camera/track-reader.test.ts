import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinNalUnits } from '../../../src/camera/annexb.ts';
import type { TrackPlan } from '../../../src/camera/capture-plan.ts';
import type { NutStream } from '../../../src/camera/nut-headers.ts';
import { Timeline } from '../../../src/camera/timeline.ts';
import { NotPassableError, TrackReader } from '../../../src/camera/track-reader.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const sps = (profile: number) => Buffer.from([0x67, profile, 0xc0, 0x1f, 0xda]);
const PPS = Buffer.from([0x68, 0xce, 0x3c]);
const IDR = joinNalUnits([Buffer.from([0x65, 0x88, 0x84])]);
const SLICE = joinNalUnits([Buffer.from([0x41, 0x9a, 0x24])]);

function videoStream(changes: Partial<NutStream> = {}): NutStream {
  return {
    mediaType: 'video',
    fourcc: 'H264',
    timeBase: { numerator: 1, denominator: 90_000 },
    timeBaseIndex: 0,
    ptsLsbBits: 14,
    maxPtsDistance: 90_000,
    decodeDelay: 0,
    codecPrivate: joinNalUnits([sps(0x42), PPS]),
    width: 1280,
    height: 720,
    sampleRate: 0,
    channels: 0,
    ...changes,
  };
}

const RENDITION = { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 };
const PASS_THROUGH: TrackPlan = {
  kind: 'video',
  name: 'high',
  codec: 'h264',
  rendition: RENDITION,
  passThrough: true,
};

function createReader({ fussy = true, stream = videoStream(), plan = PASS_THROUGH } = {}) {
  const clock = new SimulatedClock();
  const reader = new TrackReader(plan, 0, new Timeline(clock), fussy);
  const read = (ptsMs: number, data: Buffer) => {
    clock.advance(33);
    const packet = { streamIndex: 0, ptsMs, keyframe: false, data: Buffer.from(data) };
    return reader.read(packet, stream);
  };
  return { reader, read };
}

test('what is right is passed through and described', () => {
  const { reader, read } = createReader();
  assert.equal(read(0, IDR)?.keyframe, true);
  assert.equal(read(33, SLICE)?.keyframe, false);
  assert.deepEqual(reader.info, {
    codec: 'h264',
    width: 1280,
    height: 720,
    profileLevelId: '42c01f',
    passThrough: true,
    reordered: false,
  });
});

test('what would not play is refused, so that it can be encoded', () => {
  const refusals: [RegExp, Partial<NutStream>, [number, Buffer][]][] = [
    [/is h265, not h264/, { fourcc: 'hvc1' }, [[0, IDR]]],
    [/is mp4v, not h264/, { fourcc: 'mp4v' }, [[0, IDR]]],
    [/profile 6ec01f/, { codecPrivate: joinNalUnits([sps(0x6e), PPS]) }, [[0, IDR]]],
    [/has B-frames/, { decodeDelay: 2 }, [[0, IDR]]],
    [
      /has B-frames/,
      {},
      [
        [0, IDR],
        [100, SLICE],
        [33, SLICE],
      ],
    ],
    [
      /no key frame within/,
      {},
      [
        [0, SLICE],
        [12_100, SLICE],
      ],
    ],
  ];
  for (const [reason, changes, packets] of refusals) {
    const { read } = createReader({ stream: videoStream(changes) });
    const readAll = () => packets.forEach(([ptsMs, data]) => read(ptsMs, data));
    assert.throws(readAll, (error: Error) => error instanceof NotPassableError && reason.test(error.message));
  }
});

test('where pass-through is demanded, B-frames are only reported', () => {
  const { reader, read } = createReader({ fussy: false });
  read(0, IDR);
  read(100, SLICE);
  const before = reader.info;
  assert.ok(read(33, SLICE));
  assert.deepEqual([before?.reordered, reader.info?.reordered], [false, true]);
});

test('sound is taken as it is', () => {
  const plan: TrackPlan = { kind: 'audio', name: 'audio', codec: 'pcma' };
  const { reader, read } = createReader({
    plan,
    stream: videoStream({ mediaType: 'audio', fourcc: '\x06\0\0\0' }),
  });
  assert.deepEqual(read(0, Buffer.from([1, 2]))?.data, Buffer.from([1, 2]));
  assert.equal(reader.info?.codec, 'pcma');
});
