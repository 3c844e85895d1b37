import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { NutDemuxer } from '../../../src/camera/nut-demuxer.ts';
import { temporaryFolder } from './support/camera-rig.ts';
import { ffmpeg } from './support/decode.ts';

const VIDEO = '-f lavfi -i testsrc2=size=320x180:rate=25';
const SOUND = '-f lavfi -i sine=frequency=440:sample_rate=48000';

/** Encoder and container of the source; ours is then what `-c copy` makes of it as NUT. */
const VARIANTS: [name: string, extension: string, args: string][] = [
  ['H.264 zerolatency, sliced', 'nut', `${VIDEO} -c:v libx264 -tune zerolatency -threads 4 -g 25`],
  [
    'H.264 with B-frames and Opus, Matroska',
    'mkv',
    `${VIDEO} ${SOUND} -c:v libx264 -bf 3 -g 25 -c:a libopus`,
  ],
  ['H.264 and AAC, MP4 (length-prefixed)', 'mp4', `${VIDEO} ${SOUND} -c:v libx264 -bf 0 -c:a aac`],
  ['H.264 and AAC, MPEG-TS', 'ts', `${VIDEO} ${SOUND} -c:v libx264 -c:a aac -g 10`],
  ['H.264 and AAC, FLV', 'flv', `${VIDEO} ${SOUND} -c:v libx264 -bf 2 -c:a aac -ar 44100`],
  ['H.264 in large frames', 'nut', `${VIDEO} -c:v libx264 -qp 0 -preset ultrafast`],
  ['H.265', 'mp4', `${VIDEO} -c:v libx265 -x265-params log-level=error:bframes=4`],
  ['MPEG-4 and µ-law, AVI', 'avi', `${VIDEO} ${SOUND} -c:v mpeg4 -bf 2 -c:a pcm_mulaw -ar 8000 -ac 1`],
  ['MPEG-2 and MP2', 'mpg', `${VIDEO} ${SOUND} -c:v mpeg2video -c:a mp2`],
  ['MJPEG and PCM, elided headers', 'nut', `${VIDEO} ${SOUND} -c:v mjpeg -c:a pcm_s16le`],
  ['VP8 and Vorbis, WebM', 'webm', `${VIDEO} ${SOUND} -c:v libvpx -deadline realtime -c:a libvorbis`],
  [
    'two video streams and two of sound',
    'nut',
    `${VIDEO} ${SOUND} -map 0 -map 0 -map 1 -map 1 -c:v libx264 -c:a:0 libopus -c:a:1 mp2`,
  ],
];

interface Packet {
  stream: number;
  pts: number;
  md5: string;
}

/** What ffmpeg itself reads: one line a packet. */
async function readByFfmpeg(path: string): Promise<Packet[]> {
  const listing = await ffmpeg(
    '-copyts',
    '-i',
    path,
    '-map',
    '0',
    '-c',
    'copy',
    '-copyts',
    '-f',
    'framemd5',
    '-',
  );
  const ticks = new Map(
    [...listing.matchAll(/^#tb (\d+): (\d+)\/(\d+)$/gm)].map(([, ...numbers]) => {
      const [stream = 0, numerator = 1, denominator = 1] = numbers.map(Number);
      return [stream, numerator / denominator];
    }),
  );
  const lines = listing.split('\n').filter((line) => /^\d/.test(line));
  return lines.map((line) => {
    const [stream, , pts, , , md5 = ''] = line.split(',').map((field) => field.trim());
    return { stream: Number(stream), pts: Number(pts) * (ticks.get(Number(stream)) ?? 0) * 1000, md5 };
  });
}

async function readByUs(path: string): Promise<Packet[]> {
  const packets: Packet[] = [];
  const demuxer = new NutDemuxer(({ streamIndex, ptsMs, data }) => {
    packets.push({ stream: streamIndex, pts: ptsMs, md5: createHash('md5').update(data).digest('hex') });
  });
  const file = await readFile(path);
  for (let at = 0; at < file.length; at += 10_007) demuxer.push(file.subarray(at, at + 10_007));
  return packets;
}

const ofStream = (packets: Packet[], stream: number) => packets.filter((packet) => packet.stream === stream);

const folder = await temporaryFolder();
for (const [index, [name, extension, args]] of VARIANTS.entries()) {
  test(`every packet and every time equals ffmpeg's own: ${name}`, async () => {
    const source = join(folder, `source-${index}.${extension}`);
    const nut = join(folder, `variant-${index}.nut`);
    await ffmpeg(
      ...args.split(' '),
      '-t',
      '2',
      '-pix_fmt',
      args.includes('mjpeg') ? 'yuvj420p' : 'yuv420p',
      source,
    );
    await ffmpeg('-fflags', '+genpts', '-i', source, '-map', '0', '-c', 'copy', nut);
    const [theirs, ours] = [await readByFfmpeg(nut), await readByUs(nut)];
    assert.ok(ours.length >= 50, `${ours.length} packets`);
    for (const stream of new Set(theirs.map((packet) => packet.stream))) {
      const [expected, actual] = [ofStream(theirs, stream), ofStream(ours, stream)];
      assert.deepEqual(
        actual.map(({ md5 }) => md5),
        expected.map(({ md5 }) => md5),
      );
      for (const [at, { pts }] of actual.entries()) {
        assert.ok(
          Math.abs(pts - (expected[at]?.pts ?? Number.NaN)) < 0.01,
          `time of packet ${at} of ${stream}`,
        );
      }
    }
  });
}
