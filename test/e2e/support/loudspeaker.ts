/**
 * Stands in for a loudspeaker: takes 16-bit samples, 48 kHz, one channel, on standard input, and writes down when a sound begins after
 * silence, in epoch milliseconds, a line each.
 *   node loudspeaker.ts FILE
 */
import { appendFileSync, writeFileSync } from 'node:fs';

const LOUD = 3_000;
const SAMPLES_PER_MS = 48;
const SILENCE_MS = 300;

const [, , file = ''] = process.argv;
let silentSamples = SILENCE_MS * SAMPLES_PER_MS;
writeFileSync(file, '');
process.stdin.on('data', (chunk: Buffer) => {
  for (let at = 0; at + 1 < chunk.length; at += 2) {
    const isLoud = Math.abs(chunk.readInt16LE(at)) > LOUD;
    if (isLoud && silentSamples >= SILENCE_MS * SAMPLES_PER_MS) appendFileSync(file, `${Date.now()}\n`);
    silentSamples = isLoud ? 0 : silentSamples + 1;
  }
});
