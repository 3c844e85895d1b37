import { spawnSync } from 'node:child_process';

const RATE = 48_000;

/** A WAV file with a tone of a second after each second of silence. */
export function writeTone(file: string, frequencyHz: number): void {
  const tone = `aevalsrc=if(gte(mod(t\\,2)\\,1)\\,0.5*sin(2*PI*${frequencyHz}*t)\\,0):s=${RATE}:d=10`;
  run(['-f', 'lavfi', '-i', tone, '-y', file]);
}

/** Seconds of a sound file in which each of the frequencies is loud. */
export function secondsOf(file: string, frequenciesHz: readonly number[]): number[] {
  const samples = run(['-i', file, '-f', 's16le', '-ar', String(RATE), '-ac', '1', '-']);
  const size = RATE / 20;
  const blocks = Math.floor(samples.length / 2 / size);
  return frequenciesHz.map((frequencyHz) => {
    let loud = 0;
    for (let block = 0; block < blocks; block += 1)
      if (amplitude(samples, block * size, size, frequencyHz) > 1_500) loud += 1;
    return loud / 20;
  });
}

/** Of one frequency in a stretch of 16-bit samples. */
function amplitude(samples: Buffer, from: number, count: number, frequencyHz: number): number {
  let real = 0;
  let imaginary = 0;
  for (let i = 0; i < count; i += 1) {
    const angle = (2 * Math.PI * frequencyHz * i) / RATE;
    const sample = samples.readInt16LE(2 * (from + i));
    real += sample * Math.cos(angle);
    imaginary += sample * Math.sin(angle);
  }
  return (2 * Math.hypot(real, imaginary)) / count;
}

function run(args: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync('ffmpeg', ['-loglevel', 'error', ...args], {
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`ffmpeg: ${String(stderr)}`);
  return stdout;
}
