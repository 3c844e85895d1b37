import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { NutDemuxer, type NutPacket } from '../../../src/camera/nut-demuxer.ts';
import { NutError } from '../../../src/camera/nut-reader.ts';
import { fuzzDemuxer } from './support/nut-fuzz.ts';
import { makeNut, makeSmallNut } from './support/nut-samples.ts';

function demux(chunks: Iterable<Buffer>): NutPacket[] {
  const packets: NutPacket[] = [];
  const demuxer = new NutDemuxer((packet) => packets.push({ ...packet, data: Buffer.from(packet.data) }));
  for (const chunk of chunks) demuxer.push(chunk);
  return packets;
}

const sample = await makeSmallNut();
const whole = demux([sample]);

test('chunks of any size give the same packets', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }), (sizes) => {
      const chunks: Buffer[] = [];
      for (let at = 0, index = 0; at < sample.length; index += 1) {
        const size = sizes[index % sizes.length] ?? 1;
        chunks.push(sample.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(demux(chunks), whole);
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(demux(Array.from(sample, (_, index) => sample.subarray(index, index + 1))), whole);
});

test('streams say what they are, and frames come with their times', () => {
  const demuxer = new NutDemuxer(() => {});
  demuxer.push(sample);
  const [video, audio] = demuxer.streams;
  assert.deepEqual([video?.mediaType, video?.fourcc, video?.width, video?.height], ['video', 'H264', 48, 32]);
  assert.deepEqual(
    [audio?.mediaType, audio?.fourcc, audio?.sampleRate, audio?.channels],
    ['audio', 'Opus', 48_000, 1],
  );
  assert.equal(audio?.codecPrivate.toString('latin1', 0, 8), 'OpusHead');
  const pictures = whole.filter(({ streamIndex }) => streamIndex === 0);
  const times = pictures.map(({ ptsMs }) => ptsMs).toSorted((a, b) => a - b);
  const steps = times.map((time) => Math.round(time - (times[0] ?? 0)));
  assert.deepEqual(steps, [0, 100, 200, 300, 400, 500]);
  assert.equal(pictures.filter(({ keyframe }) => keyframe).length, 2);
});

test('every broken byte of a header is noticed', () => {
  const headerEnd = sample.indexOf(Buffer.from('4e4be4adeeca4569', 'hex'));
  for (let at = 0; at < headerEnd; at += 1) {
    const broken = Buffer.from(sample);
    broken[at] = (broken[at] ?? 0) ^ 0x10;
    const packets: NutPacket[] = [];
    const demuxer = new NutDemuxer((packet) => packets.push(packet));
    try {
      demuxer.push(broken);
    } catch (error) {
      assert.ok(error instanceof NutError, String(error));
      continue;
    }
    // A broken length may make it wait for more, but nothing wrong comes out.
    assert.equal(packets.length, 0, `byte ${at}`);
  }
});

test('what is no NUT, or too large, is refused', () => {
  assert.throws(() => demux([Buffer.from('no video here, only words\n')]), NutError);
  const limited = new NutDemuxer(() => {}, { maxFrameBytes: 200 });
  assert.throws(() => limited.push(sample), /a frame of \d+ bytes is refused/);
});

test('fifty thousand mutated streams: no crash, no hang, no growth', () => {
  const { refused, packets } = fuzzDemuxer(sample, 50_000, 1);
  assert.ok(refused > 10_000 && packets > 50_000, `${refused} refused, ${packets} packets`);
});

test('a frame costs at most 3 µs warm', async (context) => {
  const encoding = '-f lavfi -i testsrc2=size=320x180:rate=30 -t 40 -c:v libx264 -preset ultrafast';
  const stream = await makeNut(`${encoding} -tune zerolatency -b:v 2500k -g 60 -pix_fmt yuv420p`.split(' '));
  let frames = 0;
  const read = (rounds: number) => {
    frames = 0;
    const before = process.threadCpuUsage();
    for (let round = 0; round < rounds; round += 1) {
      const demuxer = new NutDemuxer(() => (frames += 1));
      for (let at = 0; at < stream.length; at += 65_536) demuxer.push(stream.subarray(at, at + 65_536));
    }
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / frames;
  };
  read(15);
  const cost = read(15);
  context.diagnostic(
    `${cost.toFixed(2)} µs a frame, ${Math.round((15 * stream.length) / frames)} bytes each`,
  );
  assert.equal(frames, 15 * 1200);
  assert.ok(cost <= 3, `${cost.toFixed(2)} µs`);
});
