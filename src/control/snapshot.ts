import type { JsonObject } from '../config/layers.ts';
import { ChildProgram, endingText } from '../runtime/child-program.ts';
import { within, type Clock, type Timer } from '../runtime/clock.ts';
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

interface Spare {
  args: string;
  program: ChildProgram;
  timer: Timer;
}

const TIMEOUT_MS = 10_000;
const MAX_RUNNING = 2;
const MAX_JPEG_BYTES = 4 * 1024 * 1024;
const WIDTHS = { min: 16, max: 3840 };
const DECODERS = { h264: 'h264', h265: 'hevc', vp8: 'vp8' } as const;
/** In IVF, which keeps the pictures apart and gives each a time, this is the time of the wanted one. */
const WANTED = 1_000_000;
/** To start ffmpeg takes as long as to decode a second of pictures: one waits for the next snapshot so long. */
const SPARE_MS = 10_000;
/** Not while the picture is on its way: what starts competes with it for the processor. */
const SPARE_DELAY_MS = 500;

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
  readonly #programs = new Set<ChildProgram>();
  #running = 0;
  #closed = false;
  /** Started with these arguments, waiting for pictures. */
  #spare: Spare | undefined;
  #soon: Timer | undefined;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** @throws ControlError when too many are being made; Error when there is no picture, or ffmpeg fails. */
  async take(request: SnapshotRequest): Promise<Jpeg> {
    if (this.#running >= MAX_RUNNING)
      throw new ControlError('busy', `${MAX_RUNNING} snapshots are being made`);
    if (this.#closed) throw new Error('the camera is closed');
    this.#running += 1;
    try {
      const pictures = await this.#options.livePictures();
      const data = await this.#decode(pictures, request);
      return { data, captureTimeMs: pictures.captureTimeMs };
    } finally {
      this.#running -= 1;
    }
  }

  /** Settles when every ffmpeg has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#soon?.cancel();
    this.#dropSpare();
    await Promise.all([...this.#programs].map((program) => program.stop()));
  }

  async #decode(pictures: LivePictures, request: SnapshotRequest): Promise<Buffer> {
    const { clock } = this.#options;
    const args = snapshotArgs(pictures.codec, request);
    const program = this.#takeSpare(args) ?? this.#start(args);
    try {
      const output = program.stdout
        ? collect(program.stdout, MAX_JPEG_BYTES)
        : Promise.resolve(Buffer.alloc(0));
      program.stdin?.end(ivf(pictures));
      const jpeg = await within(clock, TIMEOUT_MS, 'no snapshot', output);
      if (jpeg.length === 0) {
        const why = `ffmpeg ${endingText(await program.ended)}: ${program.lastWords([])}`;
        throw new Error(`no snapshot: ${why}`);
      }
      this.#soon?.cancel();
      this.#soon = clock.after(SPARE_DELAY_MS, () => this.#keepSpare(args));
      return jpeg;
    } finally {
      void program.stop();
    }
  }

  #start(args: string[]): ChildProgram {
    const { ffmpegPath: path, nice, clock } = this.#options;
    const program = new ChildProgram({ path, args, stdin: true, stdout: true, extraPipes: 0, nice, clock });
    this.#programs.add(program);
    void this.#forget(program);
    return program;
  }

  async #forget(program: ChildProgram): Promise<void> {
    await program.ended;
    this.#programs.delete(program);
    if (this.#spare?.program === program) this.#dropSpare();
  }

  #takeSpare(args: string[]): ChildProgram | undefined {
    this.#soon?.cancel();
    const spare = this.#spare;
    if (spare?.args !== args.join(' ')) return undefined;
    this.#spare = undefined;
    spare.timer.cancel();
    return spare.program;
  }

  #keepSpare(args: string[]): void {
    this.#dropSpare();
    if (this.#closed) return;
    const program = this.#start(args);
    const timer = this.#options.clock.after(SPARE_MS, () => this.#dropSpare());
    this.#spare = { args: args.join(' '), program, timer };
  }

  #dropSpare(): void {
    const spare = this.#spare;
    this.#spare = undefined;
    spare?.timer.cancel();
    // Which it takes for the end sooner than a signal.
    spare?.program.stdin?.end();
    void spare?.program.stop();
  }
}

function snapshotArgs(codec: LivePictures['codec'], { width, quality }: SnapshotRequest): string[] {
  const scale = width === undefined ? [] : [`scale=${width}:-2`];
  const filters = [`select=eq(pts\\,${WANTED})`, ...scale, 'format=yuvj420p'];
  // ffmpeg's scale is 2 (best) to 31.
  const qscale = Math.round(2 + ((100 - quality) * 29) / 99);
  const quiet = '-hide_banner -loglevel error -nostdin';
  // Without a look ahead, which costs 80 ms, and with one thread: more of them cost 40 ms to begin and gain nothing.
  const input = `-c:v ${DECODERS[codec]} -threads 1 -probesize 32 -analyzeduration 0 -f ivf -i pipe:0`;
  const output = `-an -fps_mode passthrough -c:v mjpeg -q:v ${qscale} -f image2pipe`;
  return [...`${quiet} ${input} ${output}`.split(' '), '-vf', filters.join(','), 'pipe:1'];
}

/** https://wiki.multimedia.cx/index.php/IVF */
function ivf({ units }: LivePictures): Buffer {
  const header = Buffer.alloc(32);
  header.write('DKIF', 0, 'latin1');
  header.writeUInt16LE(32, 6);
  // Of no codec: ffmpeg is told which it is, and looks for nothing.
  header.write('none', 8, 'latin1');
  // Width and height are in the frames as well.
  header.writeUInt16LE(1, 12);
  header.writeUInt16LE(1, 14);
  header.writeUInt32LE(30, 16);
  header.writeUInt32LE(1, 20);
  const parts = units.flatMap((unit, i) => {
    const head = Buffer.alloc(12);
    head.writeUInt32LE(unit.length, 0);
    head.writeUInt32LE(i < units.length - 1 ? i : WANTED, 4);
    return [head, unit];
  });
  return Buffer.concat([header, ...parts]);
}
