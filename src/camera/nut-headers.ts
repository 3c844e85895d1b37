import { NutError, type NutReader } from './nut-reader.ts';

/** What a NUT stream header says about one elementary stream. */
export interface NutStream {
  mediaType: 'video' | 'audio' | 'other';
  /** Codec tag as ffmpeg writes it, e.g. `H264`, `HEVC`, `Opus`. */
  fourcc: string;
  /** Seconds a tick, as a fraction. */
  timeBase: NutTimeBase;
  timeBaseIndex: number;
  ptsLsbBits: number;
  maxPtsDistance: number;
  /** Frames the decoder must hold back: above 0 when pictures are reordered (B-frames). */
  decodeDelay: number;
  /** `extradata` of ffmpeg: parameter sets, `avcC`, `OpusHead` … */
  codecPrivate: Buffer;
  /** Pixels; 0 for audio. */
  width: number;
  height: number;
  /** Hz; 0 for video. */
  sampleRate: number;
  channels: number;
}

export interface NutTimeBase {
  numerator: number;
  denominator: number;
}

/** One of the 256 meanings of a frame's first byte. */
export interface NutFrameCode {
  flags: number;
  streamIndex: number;
  ptsDelta: number;
  sizeMultiplier: number;
  sizeLsb: number;
  reservedCount: number;
  headerIndex: number;
}

export interface NutMainHeader {
  streamCount: number;
  maxDistance: number;
  timeBases: NutTimeBase[];
  frameCodes: NutFrameCode[];
  /** Elision headers: bytes that are left out at the start of frames; index 0 is empty. */
  elisionHeaders: Buffer[];
}

export const FLAG = {
  key: 1,
  codedPts: 8,
  streamId: 16,
  sizeMsb: 32,
  checksum: 64,
  reserved: 128,
  sideData: 256,
  headerIndex: 1024,
  matchTime: 2048,
  coded: 4096,
  invalid: 8192,
} as const;

const MAX_STREAMS = 16;
const MAX_TIME_BASES = 16;
/** nut.txt: the largest max_distance a demuxer need accept. */
const MAX_DISTANCE = 65_536;
const MAX_ELISION_HEADERS = 128;
const MAX_ELISION_BYTES = 1024;

function bounded(value: number, least: number, most: number, what: string): number {
  if (value < least || value > most) throw new NutError(`NUT: ${what} is ${value}, not in ${least}…${most}`);
  return value;
}

/**
 * The main header without start code and checksum. Source: nut.txt of the NUT container specification,
 * with ffmpeg's libavformat/nutdec.c as the reference where the text is silent.
 */
export function readMainHeader(reader: NutReader): NutMainHeader {
  const version = reader.unsigned();
  if (version !== 3) throw new NutError(`NUT: version ${version} is not understood, only 3`);
  const streamCount = bounded(reader.unsigned(), 1, MAX_STREAMS, 'the number of streams');
  const maxDistance = Math.min(reader.unsigned(), MAX_DISTANCE);
  const timeBaseCount = bounded(reader.unsigned(), 1, MAX_TIME_BASES, 'the number of time bases');
  const timeBases = Array.from({ length: timeBaseCount }, () => ({
    numerator: bounded(reader.unsigned(), 1, 2 ** 31, 'a time base numerator'),
    denominator: bounded(reader.unsigned(), 1, 2 ** 31, 'a time base denominator'),
  }));
  const frameCodes = readFrameCodes(reader, streamCount);
  const elisionHeaders = readElisionHeaders(reader);
  if (reader.short) throw new NutError('NUT: the main header is cut short');
  for (const { headerIndex } of frameCodes) {
    bounded(headerIndex, 0, elisionHeaders.length - 1, 'an elision header index');
  }
  return { streamCount, maxDistance, timeBases, frameCodes, elisionHeaders };
}

function readFrameCodes(reader: NutReader, streamCount: number): NutFrameCode[] {
  const invalid: NutFrameCode = {
    flags: FLAG.invalid,
    streamIndex: 0,
    ptsDelta: 0,
    sizeMultiplier: 1,
    sizeLsb: 0,
    reservedCount: 0,
    headerIndex: 0,
  };
  const codes: NutFrameCode[] = [];
  let [ptsDelta, sizeMultiplier, streamIndex, headerIndex] = [0, 1, 0, 0];
  while (codes.length < 256) {
    const flags = reader.unsigned();
    const fields = reader.unsigned();
    if (fields > 0) ptsDelta = reader.signed();
    if (fields > 1) sizeMultiplier = bounded(reader.unsigned(), 0, 65_535, 'a size multiplier');
    if (fields > 2) streamIndex = bounded(reader.unsigned(), 0, 255, 'a stream number');
    const sizeLsb = fields > 3 ? reader.unsigned() : 0;
    const reservedCount = fields > 4 ? bounded(reader.unsigned(), 0, 256, 'a reserved count') : 0;
    let count = fields > 5 ? reader.unsigned() : sizeMultiplier - sizeLsb;
    if (fields > 6) reader.skipNumber(); // match_time, for seeking
    if (fields > 7) headerIndex = reader.unsigned();
    for (let field = 8; field < fields && !reader.short; field += 1) reader.skipNumber();
    // 'N' never starts a frame and is not counted.
    const room = 256 - codes.length - (codes.length <= 0x4e ? 1 : 0);
    if (reader.short) throw new NutError('NUT: the frame code table is cut short');
    bounded(count, 1, room, 'a run of frame codes');
    for (let index = 0; count > 0; index += 1, count -= 1) {
      if (codes.length === 0x4e) codes.push(invalid);
      const usable = streamIndex < streamCount || (flags & (FLAG.streamId | FLAG.coded)) !== 0;
      codes.push({
        flags: usable ? flags : FLAG.invalid,
        streamIndex,
        ptsDelta,
        sizeMultiplier,
        sizeLsb: sizeLsb + index,
        reservedCount,
        headerIndex,
      });
    }
    if (codes.length === 0x4e) codes.push(invalid);
  }
  return codes;
}

function readElisionHeaders(reader: NutReader): Buffer[] {
  const headers = [Buffer.alloc(0)];
  if (reader.remaining === 0) return headers;
  const count = bounded(reader.unsigned(), 0, MAX_ELISION_HEADERS - 1, 'the number of elision headers');
  let bytes = 0;
  for (let index = 0; index < count; index += 1) {
    const header = Buffer.from(reader.bytes());
    bytes += bounded(header.length, 1, 255, 'an elision header length');
    headers.push(header);
  }
  bounded(bytes, 0, MAX_ELISION_BYTES, 'the size of all elision headers');
  return headers;
}

/** A stream header without start code and checksum: the stream's number and what is known of it. */
export function readStreamHeader(
  reader: NutReader,
  main: NutMainHeader,
): { index: number; stream: NutStream } {
  const index = bounded(reader.unsigned(), 0, main.streamCount - 1, 'a stream number');
  const streamClass = reader.unsigned();
  const fourcc = reader.bytes().toString('latin1');
  const timeBaseIndex = bounded(reader.unsigned(), 0, main.timeBases.length - 1, 'a time base number');
  const ptsLsbBits = bounded(reader.unsigned(), 0, 31, 'msb_pts_shift');
  const maxPtsDistance = reader.unsigned();
  const decodeDelay = bounded(reader.unsigned(), 0, 1000, 'the decode delay');
  reader.unsigned(); // stream_flags
  const codecPrivate = Buffer.from(reader.bytes());
  const mediaType = streamClass === 0 ? 'video' : streamClass === 1 ? 'audio' : 'other';
  let [width, height, sampleRate, channels] = [0, 0, 0, 0];
  if (mediaType === 'video') {
    width = reader.unsigned();
    height = reader.unsigned();
  } else if (mediaType === 'audio') {
    sampleRate = reader.unsigned() / Math.max(1, reader.unsigned());
    channels = reader.unsigned();
  }
  const timeBase = main.timeBases[timeBaseIndex];
  if (reader.short || timeBase === undefined) throw new NutError('NUT: a stream header is cut short');
  const stream: NutStream = {
    mediaType,
    fourcc,
    timeBase,
    timeBaseIndex,
    ptsLsbBits,
    maxPtsDistance,
    decodeDelay,
    codecPrivate,
    width,
    height,
    sampleRate,
    channels,
  };
  return { index, stream };
}
