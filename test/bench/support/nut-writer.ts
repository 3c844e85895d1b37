import { nutCrc } from '../../../src/camera/nut-reader.ts';

// https://git.ffmpeg.org/gitweb/nut.git/blob_plain/HEAD:/docs/nut.txt
const FILE_ID = Buffer.from('nut/multimedia container\0');
const MAIN = Buffer.from('4e4d7a561f5f04ad', 'hex');
const STREAM = Buffer.from('4e5311405bf2f9db', 'hex');
const SYNCPOINT = Buffer.from('4e4be4adeeca4569', 'hex');
const TICKS_PER_MS = 1000;
const MAX_DISTANCE = 65_536;
const FLAG = { key: 1, codedPts: 8, streamId: 16, sizeMsb: 32, checksum: 64, coded: 4096 } as const;
/** RFC 7845 section 5.1: two channels, no pre-skip, 48 kHz, no gain, mapping family 0. */
const OPUS_HEAD = Buffer.from('4f707573486561640102000080bb0000000000', 'hex');

/** Headers of a stream of H.264 pictures, and of one of Opus sound where there is any, on a clock of microseconds. */
export function nutHeaders(width: number, height: number, withSound = false): Buffer {
  // One entry says that every frame codes its own flags; count 255, as the code 'N' is never one.
  const frameCodes = [FLAG.coded, 6, 0, 1, 0, 0, 0, 255];
  const main = [3, withSound ? 2 : 1, MAX_DISTANCE, 1, 1, 1000 * TICKS_PER_MS, ...frameCodes, 0];
  const h264 = [4, ...Buffer.from('H264')];
  const stream = [0, 0, ...h264, 0, 0, MAX_DISTANCE, 0, 0, 0, width, height, 0, 0, 0];
  return Buffer.concat([
    FILE_ID,
    packet(MAIN, Buffer.concat(main.map(unsigned))),
    packet(STREAM, Buffer.concat(stream.map(unsigned))),
    ...(withSound ? [packet(STREAM, opusStream())] : []),
  ]);
}

function opusStream(): Buffer {
  const fourcc = [4, ...Buffer.from('Opus')];
  const head = [1, 1, ...fourcc, 0, 0, MAX_DISTANCE, 0, 0, OPUS_HEAD.length, ...OPUS_HEAD, 48_000, 1, 2];
  // Text and codec data are bytes, not numbers.
  return Buffer.concat(
    head.map((value, at) =>
      isByte(at, 3, 4) || isByte(at, 12, OPUS_HEAD.length) ? Buffer.from([value]) : unsigned(value),
    ),
  );
}

function isByte(at: number, from: number, count: number): boolean {
  return at >= from && at < from + count;
}

/** One picture, with a syncpoint of its own. @param ptsMs presentation time, milliseconds with a fraction */
export function nutFrame(data: Buffer, ptsMs: number, keyframe: boolean, stream = 0): Buffer {
  const pts = Math.round(ptsMs * TICKS_PER_MS);
  const flags = FLAG.codedPts | FLAG.streamId | FLAG.sizeMsb | FLAG.checksum | (keyframe ? FLAG.key : 0);
  const numbers = [flags, stream, pts + 1, data.length].map(unsigned);
  const header = Buffer.concat([Buffer.from([0]), ...numbers]);
  const syncpoint = packet(SYNCPOINT, Buffer.concat([unsigned(pts), unsigned(0)]));
  return Buffer.concat([syncpoint, header, checksum(header), data]);
}

function packet(startCode: Buffer, body: Buffer): Buffer {
  return Buffer.concat([startCode, unsigned(body.length + 4), body, checksum(body)]);
}

function checksum(bytes: Buffer): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(nutCrc(bytes, 0, bytes.length));
  return crc;
}

/** `v`: seven bits a byte, most significant first. */
function unsigned(value: number): Buffer {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift(128 + (rest % 128));
  return Buffer.from(bytes);
}
