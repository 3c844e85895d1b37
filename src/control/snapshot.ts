import type { JsonObject } from '../config/layers.ts';
import { ChildProgram, endingText } from '../runtime/child-program.ts';
import { within, type Clock } from '../runtime/clock.ts';
import { collect } from './collect.ts';
import { ControlError } from './control-message.ts';

export interface SnapshotRequest {
  /** Pixels; the height follows. Undefined: as the picture is. */
  width: number | undefined;
  /** 1 to 100, as JPEG has it. */
  quality: number;
}

/** The pictures from a key frame to the live one. */
export interface LivePictures {
  codec: 'h264' | 'h265' | 'vp8';
  /** In decoding order, beginning with the key frame; Annex B for H.264 and H.265. */
  units: Buffer[];
  /** Of the last one, epoch milliseconds. */
  captureTimeMs: number;
}

export interface Jpeg {
  data: Buffer;
  captureTimeMs: number;
}

export interface SnapshotOptions {
  ffmpegPath: string;
  nice: number;
  /** Starts the camera where it is off, and waits for a picture. */
  livePictures: () => Promise<LivePictures>;
  clock: Clock;
}

const TIMEOUT_MS = 10_000;
const MAX_RUNNING = 2;
const MAX_JPEG_BYTES = 4 * 1024 * 1024;
const WIDTHS = { min: 16, max: 3840 };
const JPEG_START = Buffer.from([0xff, 0xd8, 0xff]);
/** IVF is the least container that ffmpeg reads VP8 from. */
const FORMATS = { h264: 'h264', h265: 'hevc', vp8: 'ivf' } as const;

/** @throws ControlError for what is not to be had. */
export function readSnapshotRequest(params: JsonObject): SnapshotRequest {
  const { width, quality = 80, ...others } = params;
  const isWidth =
    width === undefined || (isWhole(width) && width >= WIDTHS.min && width <= WIDTHS.max && width % 2 === 0);
  if (!isWidth) throw new ControlError('bad-params', `width: an even number, ${WIDTHS.min} to ${WIDTHS.max}`);
  if (!isWhole(quality) || quality < 1 || quality > 100)
    throw new ControlError('bad-params', 'quality: 1 to 100');
  if (Object.keys(others).length > 0)
    throw new ControlError('bad-params', 'nothing beside width and quality');
  return { width, quality };
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

/** JPEG pictures of what is live, decoded from the current GOP: nothing is captured a second time. */
export class Snapshots {
  readonly #options: SnapshotOptions;
  #running = 0;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** @throws ControlError when too many are being made; Error when there is no picture, or ffmpeg fails. */
  async take(request: SnapshotRequest): Promise<Jpeg> {
    if (this.#running >= MAX_RUNNING)
      throw new ControlError('busy', `${MAX_RUNNING} snapshots are being made`);
    this.#running += 1;
    try {
      const pictures = await this.#options.livePictures();
      return { data: await this.#decode(pictures, request), captureTimeMs: pictures.captureTimeMs };
    } finally {
      this.#running -= 1;
    }
  }

  async #decode({ codec, units }: LivePictures, request: SnapshotRequest): Promise<Buffer> {
    const { ffmpegPath: path, nice, clock } = this.#options;
    const args = snapshotArgs(codec, units.length, request);
    const program = new ChildProgram({ path, args, stdin: true, stdout: true, extraPipes: 0, nice, clock });
    try {
      const collected = program.stdout && collect(program.stdout, MAX_JPEG_BYTES);
      program.stdin?.end(codec === 'vp8' ? ivf(units) : Buffer.concat(units));
      const ending = await within(clock, TIMEOUT_MS, 'no snapshot', program.ended);
      const output = (await collected) ?? Buffer.alloc(0);
      const start = output.lastIndexOf(JPEG_START);
      if (start >= 0) return output.subarray(start);
      throw new Error(`no snapshot: ffmpeg ${endingText(ending)}: ${program.lastWords([])}`);
    } finally {
      await program.stop();
    }
  }
}

/** The last two pictures, for the last may not be decodable alone; whoever reads takes the last. */
function snapshotArgs(
  codec: LivePictures['codec'],
  count: number,
  { width, quality }: SnapshotRequest,
): string[] {
  const scale = width === undefined ? [] : [`scale=${width}:-2`];
  const filters = [`select=gte(n\\,${count - 2})`, ...scale, 'format=yuvj420p'];
  // ffmpeg's scale is 2 (best) to 31.
  const qscale = Math.round(2 + ((100 - quality) * 29) / 99);
  const quiet = '-hide_banner -loglevel error -nostdin';
  // Without a look ahead, which costs 80 ms.
  const input = `-probesize 32 -analyzeduration 0 -f ${FORMATS[codec]} -i pipe:0`;
  const output = `-an -fps_mode passthrough -c:v mjpeg -q:v ${qscale} -f image2pipe`;
  return [...`${quiet} ${input} ${output}`.split(' '), '-vf', filters.join(','), 'pipe:1'];
}

/** https://wiki.multimedia.cx/index.php/IVF */
function ivf(frames: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(32);
  header.write('DKIF', 0, 'latin1');
  header.writeUInt16LE(32, 6);
  header.write('VP80', 8, 'latin1');
  // Width and height are in the frames as well.
  header.writeUInt16LE(1, 12);
  header.writeUInt16LE(1, 14);
  header.writeUInt32LE(30, 16);
  header.writeUInt32LE(1, 20);
  const parts = frames.flatMap((frame, i) => {
    const head = Buffer.alloc(12);
    head.writeUInt32LE(frame.length, 0);
    head.writeUInt32LE(i, 4);
    return [head, frame];
  });
  return Buffer.concat([header, ...parts]);
}
