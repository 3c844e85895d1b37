import { spawn } from 'node:child_process';
import { buffer, text } from 'node:stream/consumers';

/** What a recorded file of the test source holds, as ffmpeg decodes it. */
export interface JudgedRecording {
  /** Codecs, by ffprobe. */
  tracks: string[];
  /** Of each picture: the number and the capture time (low 32 bits of epoch milliseconds) drawn into it. */
  strips: { frameNumber: number; captureTimeLow: number }[];
  /** For each beep the milliseconds by which it comes after the flash nearest to it; negative: before. */
  beepAfterFlashMs: number[];
}

const SAMPLE_RATE = 48_000;
/** Five cycles of the beep's 1 kHz. */
const WINDOW = 240;
const CYCLE = Array.from({ length: 48 }, (_, i) => (2 * Math.PI * i) / 48);
const COSINE = Float64Array.from(CYCLE, Math.cos);
const SINE = Float64Array.from(CYCLE, Math.sin);
const HOP = 48;
/** Share of the loudest window's energy at which a beep has begun. */
const ONSET = 0.2;
const FLASH_PERIOD_MS = 1_000;
/** What a codec needs to begin: from the first packet of a beep alone it makes a sound far louder than the beep. */
const CUT_OFF_MS = 30;
const SYNC = '10101010';

/** `width`: of the picture, in pixels. Rejects where a picture has no readable strip. */
export async function judgeRecording(path: string, width: number): Promise<JudgedRecording> {
  const cell = Math.max(2, Math.floor(width / 80));
  const strips = await decodePictures(path, `crop=${cell * 64}:${cell}:0:0,scale=64:1:flags=area`);
  const flashes = await decodePictures(path, 'crop=iw/16:iw/16:iw-iw/12:ih-iw/12,scale=1:1:flags=area');
  const times = await packetTimesMs(path, 'v:0');
  const [soundFromMs = 0] = await packetTimesMs(path, 'a:0');
  // Sound stands where its stamps say, be it a millisecond.
  const samples = `-af aresample=async=1:min_hard_comp=0.002:first_pts=0 -ac 1 -ar ${SAMPLE_RATE} -f f32le pipe:1`;
  const sound = await decode(path, '0:a', samples.split(' '));
  const flashTimes = times.filter((_, i) => bright(flashes, i) && i > 0 && !bright(flashes, i - 1));
  return {
    tracks: await codecs(path),
    strips: Array.from({ length: strips.length / 64 }, (_, i) => readStrip(strips, i)),
    beepAfterFlashMs: beepTimesMs(sound, soundFromMs + CUT_OFF_MS).flatMap((beepMs) =>
      nearest(flashTimes, beepMs),
    ),
  };
}

function decodePictures(path: string, filters: string): Promise<Buffer> {
  const raw = '-fps_mode passthrough -f rawvideo -pix_fmt gray pipe:1';
  return decode(path, '0:v', ['-vf', filters, ...raw.split(' ')]);
}

function decode(path: string, stream: string, args: readonly string[]): Promise<Buffer> {
  return output('ffmpeg', ['-v', 'error', '-nostdin', '-i', path, '-map', stream, ...args]);
}

async function codecs(path: string): Promise<string[]> {
  const entries = ['-show_entries', 'stream=codec_name', '-of', 'csv=p=0'];
  return lines(await output('ffprobe', ['-v', 'error', ...entries, path]));
}

async function packetTimesMs(path: string, stream: string): Promise<number[]> {
  const entries = ['-show_entries', 'packet=pts_time', '-of', 'csv=p=0'];
  const listed = await output('ffprobe', ['-v', 'error', '-select_streams', stream, ...entries, path]);
  return lines(listed).map((line) => Number.parseFloat(line) * 1000);
}

function lines(listed: Buffer): string[] {
  return listed.toString().trim().split('\n');
}

async function output(program: string, args: readonly string[]): Promise<Buffer> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, complaints] = await Promise.all([buffer(child.stdout), text(child.stderr)]);
  // ffprobe and ffmpeg miss an index that a stream has none of.
  if (out.length === 0) throw new Error(`${program} gave nothing: ${complaints}`);
  return out;
}

function readStrip(luma: Buffer, picture: number): { frameNumber: number; captureTimeLow: number } {
  const bits = [...luma.subarray(picture * 64, picture * 64 + 64)].map((y) => (y > 127 ? '1' : '0')).join('');
  if (!bits.startsWith(SYNC)) throw new Error(`picture ${picture} has no readable strip`);
  const number = (from: number, to: number) => Number.parseInt(bits.slice(from, to), 2);
  return { frameNumber: number(8, 32), captureTimeLow: number(32, 64) };
}

function bright(luma: Buffer, picture: number): boolean {
  return (luma[picture] ?? 0) > 200;
}

/** Not one that had begun before `fromMs`. */
function beepTimesMs(sound: Buffer, fromMs: number): number[] {
  const samples = new Float32Array(sound.buffer, sound.byteOffset, Math.floor(sound.length / 4));
  const energies = new Float64Array(Math.max(0, Math.floor((samples.length - WINDOW) / HOP)));
  for (let i = 0; i < energies.length; i += 1) energies[i] = energyAtBeep(samples, i * HOP);
  const from = Math.ceil((fromMs * SAMPLE_RATE) / 1000 / HOP);
  const loudest = energies.subarray(from).reduce((a, b) => Math.max(a, b), 0);
  const onsets: number[] = [];
  for (let i = from + 1; i < energies.length; i += 1) {
    const timeMs = ((i * HOP + WINDOW / 2) * 1000) / SAMPLE_RATE;
    if ((energies[i] ?? 0) < ONSET * loudest || (energies[i - 1] ?? 0) >= ONSET * loudest) continue;
    if (timeMs - (onsets.at(-1) ?? -Infinity) > FLASH_PERIOD_MS / 2) onsets.push(timeMs);
  }
  return onsets;
}

/** Power at 1 kHz of one window. */
function energyAtBeep(samples: Float32Array, from: number): number {
  let re = 0;
  let im = 0;
  for (let i = 0; i < WINDOW; i += 1) {
    const sample = samples[from + i] ?? 0;
    re += sample * (COSINE[i % 48] ?? 0);
    im += sample * (SINE[i % 48] ?? 0);
  }
  return re * re + im * im;
}

function nearest(flashTimes: readonly number[], beepMs: number): number[] {
  let best: number | undefined;
  for (const flashMs of flashTimes) {
    const offset = beepMs - flashMs;
    if (best === undefined || Math.abs(offset) < Math.abs(best)) best = offset;
  }
  // A beep at the edge of the recording has its flash outside.
  return best !== undefined && Math.abs(best) < FLASH_PERIOD_MS / 2 ? [best] : [];
}
