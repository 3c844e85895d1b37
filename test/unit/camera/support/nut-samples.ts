import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What ffmpeg writes as NUT for these arguments (inputs and encoders, no output). */
export async function makeNut(args: readonly string[]): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'nut-'));
  try {
    const path = join(folder, 'sample.nut');
    await run('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-nostdin', ...args, '-f', 'nut', path]);
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A few kilobytes with everything in them: two streams, check sums, syncpoints, elided headers, an index. */
export function makeSmallNut(): Promise<Buffer> {
  return makeNut([
    ...'-f lavfi -i testsrc2=size=48x32:rate=10 -f lavfi -i sine=frequency=440:sample_rate=48000'.split(' '),
    ...'-t 0.6 -c:v libx264 -preset ultrafast -crf 45 -g 3 -pix_fmt yuv420p'.split(' '),
    ...'-c:a libopus -b:a 8k -frame_duration 60'.split(' '),
  ]);
}
