import {
  FLAG,
  readMainHeader,
  readStreamHeader,
  type NutFrameCode,
  type NutMainHeader,
  type NutStream,
} from './nut-headers.ts';
import { nutCrc, NutError, NutReader } from './nut-reader.ts';

/** One frame of one elementary stream, in the order of the file. */
export interface NutPacket {
  streamIndex: number;
  /** Milliseconds with a fraction, in the time line of the producer. */
  ptsMs: number;
  keyframe: boolean;
  /** May be a view of the chunk that brought it. */
  data: Buffer;
}

export interface NutLimits {
  /** A larger frame is refused. */
  maxFrameBytes: number;
  /** A larger header, info or index packet is refused. */
  maxPacketBytes: number;
}

const FILE_ID = Buffer.from('nut/multimedia container\0', 'latin1');
const LETTER_N = 0x4e;
/** Start codes as two 32-bit words; the first byte is 'N'. */
const START_CODES = new Map([
  ['4e4d7a561f5f04ad', 'main'],
  ['4e5311405bf2f9db', 'stream'],
  ['4e4be4adeeca4569', 'syncpoint'],
  ['4e58dd672f23e64e', 'index'],
  ['4e49ab68b596ba78', 'info'],
]);
const NOTHING: Buffer = Buffer.alloc(0);
const LONGEST_FRAME_HEADER = 1024;
const ELISION_LIMIT = 4096;
const WAIT = -1;

/**
 * Incremental NUT demuxer for the output of an ffmpeg child process. Feed it chunks of any size.
 *
 * Strict: a broken check sum, an impossible size or an unknown packet throws `NutError`, after which the
 * demuxer is of no more use; on a pipe there is nothing to resynchronise to. Memory is bounded by `limits`.
 */
export class NutDemuxer {
  /** Filled when the headers have been read; complete before the first packet. */
  readonly streams: NutStream[] = [];

  readonly #onPacket: (packet: NutPacket) => void;
  readonly #limits: NutLimits;
  readonly #reader = new NutReader();
  #pending = NOTHING;
  #idSeen = false;
  #main: NutMainHeader | undefined;
  #streamsSeen = 0;
  #lastPts: number[] = [];
  /** A frame whose body is still arriving. */
  #partial:
    { streamIndex: number; ptsMs: number; keyframe: boolean; data: Buffer; filled: number } | undefined;

  constructor(onPacket: (packet: NutPacket) => void, limits?: Partial<NutLimits>) {
    this.#onPacket = onPacket;
    this.#limits = { maxFrameBytes: 8 << 20, maxPacketBytes: 64 << 10, ...limits };
  }

  push(chunk: Buffer): void {
    let data = chunk;
    let position = 0;
    if (this.#partial !== undefined) position = this.#fillPartial(data);
    if (this.#pending.length > 0) {
      data = Buffer.concat([this.#pending, position === 0 ? data : data.subarray(position)]);
      position = 0;
    }
    while (position < data.length) {
      const next = this.#element(data, position);
      if (next === WAIT) break;
      position = next;
    }
    // An empty view would keep the whole chunk alive.
    this.#pending = position < data.length ? data.subarray(position) : NOTHING;
  }

  /** Takes one element that starts at `position`; the position after it, or WAIT for more bytes. */
  #element(data: Buffer, position: number): number {
    if (!this.#idSeen) return this.#fileId(data, position);
    if (data[position] === LETTER_N) return this.#startCodePacket(data, position);
    return this.#frame(data, position);
  }

  #fileId(data: Buffer, position: number): number {
    const length = Math.min(FILE_ID.length, data.length - position);
    if (data.compare(FILE_ID, 0, length, position, position + length) !== 0) {
      throw new NutError('NUT: the stream does not begin with the NUT file id');
    }
    if (length < FILE_ID.length) return WAIT;
    this.#idSeen = true;
    return position + length;
  }

  #startCodePacket(data: Buffer, position: number): number {
    if (data.length - position < 8) return WAIT;
    const kind = START_CODES.get(data.toString('hex', position, position + 8));
    if (kind === undefined) throw new NutError('NUT: unknown start code');
    const reader = this.#reader.reset(data, position + 8, data.length);
    const size = reader.unsigned();
    if (reader.short) return WAIT;
    if (size < 4 || size > this.#limits.maxPacketBytes) {
      throw new NutError(`NUT: a packet of ${size} bytes is refused`);
    }
    if (size > ELISION_LIMIT) reader.uint32();
    if (reader.short || reader.remaining < size) return WAIT;
    const start = reader.position;
    if (size > ELISION_LIMIT && nutCrc(data, position, start) !== 0) {
      throw new NutError('NUT: wrong check sum of a packet header');
    }
    if (nutCrc(data, start, start + size) !== 0) throw new NutError('NUT: wrong check sum of a packet');
    reader.reset(data, start, start + size - 4);
    if (kind === 'main') this.#mainHeader(reader);
    else if (kind === 'stream') this.#streamHeader(reader);
    else if (kind === 'syncpoint') this.#syncPoint(reader);
    return start + size;
  }

  /** ffmpeg repeats its headers now and then; the first ones count. */
  #mainHeader(reader: NutReader): void {
    this.#main ??= readMainHeader(reader);
  }

  #streamHeader(reader: NutReader): void {
    const main = this.#main;
    if (main === undefined) throw new NutError('NUT: a stream header before the main header');
    if (this.#streamsSeen === main.streamCount) return;
    const { index, stream } = readStreamHeader(reader, main);
    if (index !== this.#streamsSeen) throw new NutError('NUT: stream headers are out of order');
    this.streams.push(stream);
    this.#lastPts.push(0);
    this.#streamsSeen += 1;
  }

  /** A syncpoint carries one time, from which the last time of every stream is set anew. */
  #syncPoint(reader: NutReader): void {
    const timeBases = this.#main?.timeBases ?? [];
    const globalKeyPts = reader.unsigned();
    if (reader.short || timeBases.length === 0) throw new NutError('NUT: a syncpoint is cut short');
    const baseIndex = globalKeyPts % timeBases.length;
    const ticks = (globalKeyPts - baseIndex) / timeBases.length;
    const from = timeBases[baseIndex];
    for (const [index, { timeBase: to, timeBaseIndex }] of this.streams.entries()) {
      if (from === undefined || timeBaseIndex === baseIndex) this.#lastPts[index] = ticks;
      else {
        const scaled =
          (BigInt(ticks) * BigInt(from.numerator) * BigInt(to.denominator)) /
          (BigInt(from.denominator) * BigInt(to.numerator));
        if (scaled > BigInt(Number.MAX_SAFE_INTEGER)) throw new NutError('NUT: a time is out of range');
        this.#lastPts[index] = Number(scaled);
      }
    }
  }

  #frame(data: Buffer, position: number): number {
    const main = this.#main;
    if (main === undefined || this.#streamsSeen < main.streamCount) {
      throw new NutError('NUT: a frame before the headers');
    }
    const code = main.frameCodes[data[position] ?? 0];
    if (code === undefined) throw new NutError('NUT: no such frame code');
    const reader = this.#reader.reset(data, position + 1, data.length);
    let flags = code.flags;
    if (flags & FLAG.coded) flags ^= reader.unsigned() & 0xffff;
    const streamIndex = flags & FLAG.streamId ? reader.unsigned() : code.streamIndex;
    const codedPts = flags & FLAG.codedPts ? reader.unsigned() : undefined;
    const sizeMsb = flags & FLAG.sizeMsb ? reader.unsigned() : 0;
    if (flags & FLAG.matchTime) reader.skipNumber();
    const headerIndex = flags & FLAG.headerIndex ? reader.unsigned() : code.headerIndex;
    let reserved = flags & FLAG.reserved ? reader.unsigned() : code.reservedCount;
    for (; reserved > 0 && !reader.short; reserved -= 1) reader.skipNumber();
    const headerEnd = reader.position;
    if (flags & FLAG.checksum) reader.uint32();
    if (reader.short) {
      if (data.length - position > LONGEST_FRAME_HEADER)
        throw new NutError('NUT: a frame header without end');
      return WAIT;
    }
    if (flags & (FLAG.invalid | FLAG.sideData)) throw new NutError('NUT: an invalid frame code');
    const stream = this.streams[streamIndex];
    if (stream === undefined)
      throw new NutError(`NUT: a frame of stream ${streamIndex}, which does not exist`);
    const size = code.sizeLsb + sizeMsb * code.sizeMultiplier;
    const pts = this.#pts(stream, streamIndex, code, codedPts);
    if (flags & FLAG.checksum) {
      if (nutCrc(data, position, headerEnd + 4) !== 0) throw new NutError('NUT: wrong check sum of a frame');
    } else this.#unchecked(main, stream, streamIndex, size, pts);
    const elided = main.elisionHeaders[size > ELISION_LIMIT ? 0 : headerIndex];
    if (elided === undefined) throw new NutError('NUT: no such elision header');
    if (size > this.#limits.maxFrameBytes || size < elided.length) {
      throw new NutError(`NUT: a frame of ${size} bytes is refused`);
    }
    this.#lastPts[streamIndex] = pts;
    const { numerator, denominator } = stream.timeBase;
    const frame = {
      streamIndex,
      ptsMs: pts / (denominator / (numerator * 1000)),
      keyframe: (flags & FLAG.key) !== 0,
    };
    return this.#body(frame, elided, size, reader.position);
  }

  #pts(stream: NutStream, index: number, code: NutFrameCode, coded: number | undefined): number {
    const last = this.#lastPts[index] ?? 0;
    if (coded === undefined) return last + code.ptsDelta;
    const range = 2 ** stream.ptsLsbBits;
    if (coded >= range) return coded - range;
    // The nearest time to the last one whose low bits are the coded ones.
    const least = last - Math.floor((range - 1) / 2);
    return least + ((((coded - least) % range) + range) % range);
  }

  /** Only small frames that follow closely on the last one may do without a check sum. */
  #unchecked(main: NutMainHeader, stream: NutStream, index: number, size: number, pts: number): void {
    const distance = Math.abs(pts - (this.#lastPts[index] ?? 0));
    if (size > 2 * main.maxDistance || distance > stream.maxPtsDistance) {
      throw new NutError('NUT: a frame that needs a check sum has none');
    }
  }

  #body(frame: Omit<NutPacket, 'data'>, elided: Buffer, size: number, start: number): number {
    const chunk = this.#reader.data;
    const end = start + size - elided.length;
    const whole = end <= chunk.length;
    if (whole && elided.length === 0) {
      this.#onPacket({ ...frame, data: chunk.subarray(start, end) });
      return end;
    }
    const data = Buffer.allocUnsafeSlow(size);
    elided.copy(data);
    const copied = chunk.copy(data, elided.length, start, Math.min(end, chunk.length));
    if (whole) this.#onPacket({ ...frame, data });
    else this.#partial = { ...frame, data, filled: elided.length + copied };
    return Math.min(end, chunk.length);
  }

  /** Continues a frame that began in an earlier chunk; the position behind it. */
  #fillPartial(chunk: Buffer): number {
    const partial = this.#partial;
    if (partial === undefined) return 0;
    const copied = chunk.copy(partial.data, partial.filled);
    partial.filled += copied;
    if (partial.filled < partial.data.length) return copied;
    this.#partial = undefined;
    const { streamIndex, ptsMs, keyframe, data } = partial;
    this.#onPacket({ streamIndex, ptsMs, keyframe, data });
    return copied;
  }
}
