import { execFile, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type { ReceivedUnit } from './camera-rig.ts';

const run = promisify(execFile);

/** Runs ffmpeg to its end; rejects with what it said. */
export async function ffmpeg(...args: string[]): Promise<string> {
  const { stdout } = await run('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...args], {
    maxBuffer: 1 << 28,
  });
  return stdout;
}

/** Decodes access units of a video track through a filter chain; the raw bytes of all pictures, and complaints. */
export async function decodeVideo(
  units: readonly ReceivedUnit[],
  filters: string,
): Promise<{ pixels: Buffer; complaints: string }> {
  const format = units[0]?.unit.codec === 'h265' ? 'hevc' : 'h264';
  const input = ['-f', format, '-i', 'pipe:0'];
  const output = ['-vf', filters, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
  const child = spawn('ffmpeg', ['-hide_banner', '-loglevel', 'warning', ...input, ...output]);
  child.stdin.end(Buffer.concat(units.map(({ unit }) => unit.data)));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const complaints = await text(child.stderr);
  return { pixels: Buffer.concat(chunks), complaints };
}

/** How many pictures come out of a decoder. */
export async function countPictures(units: readonly ReceivedUnit[]): Promise<number> {
  const { pixels } = await decodeVideo(units, 'scale=16:16');
  return pixels.length / 256;
}

export interface Strip {
  sync: number;
  frameNumber: number;
  /** Low 32 bits of the capture time in epoch milliseconds. */
  captureTimeLow: number;
}

/** Reads the machine-readable strip of the test source back from decoded pictures of `width` pixels. */
export async function readStrips(units: readonly ReceivedUnit[], width: number): Promise<Strip[]> {
  const cell = width / 80;
  const { pixels } = await decodeVideo(units, `crop=${cell * 64}:${cell}:0:0,scale=64:1:flags=area`);
  return Array.from({ length: pixels.length / 64 }, (_, index) => {
    const bits = [...pixels.subarray(index * 64, index * 64 + 64)]
      .map((luma) => (luma > 127 ? '1' : '0'))
      .join('');
    const number = (from: number, to: number) => Number.parseInt(bits.slice(from, to), 2);
    return { sync: number(0, 8), frameNumber: number(8, 32), captureTimeLow: number(32, 64) };
  });
}

/** Linear samples (-1 … 1) of a G.711 µ-law frame. */
export function decodeMuLaw(data: Buffer): number[] {
  return [...data].map((byte) => {
    const code = ~byte & 0xff;
    const magnitude = (((code & 0x0f) << 3) + 0x84) << ((code >> 4) & 7);
    return ((code & 0x80 ? 0x84 - magnitude : magnitude - 0x84) * 1.0) / 32_768;
  });
}
