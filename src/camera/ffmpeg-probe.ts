import { spawn, type ChildProcess } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import type { VideoCodec } from '../config/config.ts';
import type { Clock } from '../runtime/clock.ts';
import { parseV4l2Formats, type V4l2Format } from './v4l2-formats.ts';

/** What the installed ffmpeg can do. */
export interface FfmpegCapabilities {
  /** As printed, e.g. `5.1.9-0+deb12u1`. */
  versionText: string;
  /** Major and minor as one number, e.g. 5.01 for 5.1; builds from git count as the newest. */
  version: number;
  encoders: ReadonlySet<string>;
  /** It can write text into pictures: the filter is there and finds a font. */
  drawText: boolean;
}

const PROBE_TIMEOUT_MS = 10_000;
const DRAW_TEXT_TRIAL = [
  '-f',
  'lavfi',
  '-i',
  'color=s=64x64,drawtext=text=a',
  '-frames:v',
  '1',
  '-f',
  'null',
  '-',
];
const OUTPUT_LIMIT_CHARS = 256 << 10;

/** Encoders that `auto` tries, best first, with the device nodes they need; the software encoder is last. */
const AUTO_ENCODERS: Record<VideoCodec, readonly { name: string; nodes?: readonly [string, RegExp] }[]> = {
  h264: [
    { name: 'h264_v4l2m2m', nodes: ['/dev', /^video\d/] },
    { name: 'h264_vaapi', nodes: ['/dev/dri', /^renderD128$/] },
    { name: 'libx264' },
    { name: 'libopenh264' },
  ],
  h265: [{ name: 'hevc_vaapi', nodes: ['/dev/dri', /^renderD128$/] }, { name: 'libx265' }],
  vp8: [{ name: 'vp8_vaapi', nodes: ['/dev/dri', /^renderD128$/] }, { name: 'libvpx' }],
};

const known = new Map<string, Ffmpeg>();

/** The ffmpeg at `path`, one for all cameras: what a program can do does not change from camera to camera. */
export function ffmpegAt(path: string, clock: Clock): Ffmpeg {
  const ffmpeg = known.get(path) ?? new Ffmpeg(path, clock);
  known.set(path, ffmpeg);
  return ffmpeg;
}

/** The program `ffmpeg` on this device; asked once what it can do. */
export class Ffmpeg {
  readonly path: string;
  readonly #clock: Clock;
  #capabilities: Promise<FfmpegCapabilities> | undefined;
  readonly #autoEncoder = new Map<VideoCodec, Promise<string>>();
  readonly #asked = new Set<ChildProcess>();

  /** `path`: the setting `ffmpeg.path`, a program name or a path. */
  constructor(path: string, clock: Clock) {
    this.path = path;
    this.#clock = clock;
  }

  /** Rejects with the cure when ffmpeg is missing or does not run; asked again after a failure. */
  capabilities(): Promise<FfmpegCapabilities> {
    this.#capabilities ??= this.#probe().catch((error: unknown) => {
      this.#capabilities = undefined;
      throw error;
    });
    return this.#capabilities;
  }

  /** What a V4L2 camera offers; empty when it cannot be asked. */
  async v4l2Formats(device: string): Promise<V4l2Format[]> {
    const ask = ['-hide_banner', '-nostdin', '-f', 'v4l2', '-list_formats', 'all', '-i', device];
    // ffmpeg prints the list on standard error and always ends with an error.
    return parseV4l2Formats((await this.#run(ask)).errorOutput);
  }

  /** The best encoder that really encodes on this device: a listed hardware encoder often does not. */
  autoEncoder(codec: VideoCodec): Promise<string> {
    const earlier = this.#autoEncoder.get(codec);
    if (earlier !== undefined) return earlier;
    const found = this.#findEncoder(codec).catch((error: unknown) => {
      this.#autoEncoder.delete(codec);
      throw error;
    });
    this.#autoEncoder.set(codec, found);
    return found;
  }

  /** Nobody waits for its answers any more: one that hangs would outlive the agent. */
  close(): void {
    for (const child of this.#asked) child.kill('SIGKILL');
  }

  async #probe(): Promise<FfmpegCapabilities> {
    // Each start of ffmpeg costs some 70 ms of a processor: it tells its version beside its encoders.
    const [{ code, output, errorOutput }, drawText] = await Promise.all([
      this.#run(['-encoders']),
      this.#succeeds(DRAW_TEXT_TRIAL),
    ]);
    if (code !== 0) throw new Error(`ffmpeg at "${this.path}" -encoders ended with code ${code}`);
    const versionText = /version (\S+)/.exec(errorOutput)?.[1];
    if (versionText === undefined) throw new Error(`ffmpeg.path: "${this.path}" does not answer like ffmpeg`);
    const number = /^n?(\d+)\.(\d+)/.exec(versionText);
    return {
      versionText,
      version: number ? Number(number[1]) + Number(number[2]) / 100 : 99,
      encoders: names(output),
      drawText,
    };
  }

  async #findEncoder(codec: VideoCodec): Promise<string> {
    const { encoders } = await this.capabilities();
    for (const { name, nodes } of AUTO_ENCODERS[codec]) {
      if (!encoders.has(name)) continue;
      if (nodes === undefined) return name;
      if ((await nodeExists(...nodes)) && (await this.#encodes(name))) return name;
    }
    const wanted = AUTO_ENCODERS[codec].map(({ name }) => name).join(', ');
    throw new Error(`ffmpeg at "${this.path}" has none of the ${codec} encoders ${wanted}`);
  }

  async #encodes(encoder: string): Promise<boolean> {
    const vaapi = encoder.endsWith('_vaapi');
    const device = vaapi ? ['-vaapi_device', '/dev/dri/renderD128'] : [];
    const picture = ['-f', 'lavfi', '-i', 'color=size=640x360:rate=10:duration=1'];
    const filter = ['-vf', vaapi ? 'format=nv12,hwupload' : 'format=yuv420p'];
    return this.#succeeds([...device, ...picture, ...filter, '-c:v', encoder, '-f', 'null', '-']);
  }

  async #succeeds(args: string[]): Promise<boolean> {
    return (await this.#run(['-hide_banner', '-loglevel', 'error', '-nostdin', ...args])).code === 0;
  }

  /** Runs ffmpeg to its end. Rejects when it cannot be started. */
  #run(args: string[]): Promise<{ code: number | null; output: string; errorOutput: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      this.#asked.add(child);
      const timer = this.#clock.after(PROBE_TIMEOUT_MS, () => child.kill('SIGKILL'));
      let [output, errorOutput] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (output.length < OUTPUT_LIMIT_CHARS) output += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (errorOutput.length < OUTPUT_LIMIT_CHARS) errorOutput += text;
      });
      child.on('error', (error) => {
        timer.cancel();
        reject(cannotRunFfmpeg(this.path, error));
      });
      child.on('close', (code) => {
        this.#asked.delete(child);
        timer.cancel();
        resolve({ code, output, errorOutput });
      });
    });
  }
}

/** The error of a program that could not even be started, with the cure. */
export function cannotRunFfmpeg(path: string, cause: Error): Error {
  const cure = 'install ffmpeg (Debian: apt install ffmpeg) or set ffmpeg.path to the program';
  return new Error(`cannot run ffmpeg at "${path}": ${cure}`, { cause });
}

/** Names in ffmpeg's tables: flags, a name, a description. */
function names(table: string): Set<string> {
  const found = new Set<string>();
  for (const line of table.split('\n')) {
    const name = /^ [A-Z.|][A-Z.| d]{0,5}\s+([\w,]+)\s/.exec(line)?.[1];
    for (const alias of name?.split(',') ?? []) found.add(alias);
  }
  return found;
}

async function nodeExists(folder: string, pattern: RegExp): Promise<boolean> {
  const entries = await readdir(folder).catch(() => []);
  return entries.some((entry) => pattern.test(entry));
}
