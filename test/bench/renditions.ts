/**
 * What a rendition costs that nobody watches: processor time of ffmpeg with one rendition, with a ladder of which one is wanted, and with
 * the whole ladder wanted; interleaved.
 *   node test/bench/renditions.ts [seconds]
 * Fails where an unwatched ladder costs more than a tenth over the one rendition.
 */
import { Camera } from '../../src/camera/camera.ts';
import { createLog } from '../../src/log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { childPids } from '../integration/camera/support/processes.ts';
import { cameraConfig } from '../unit/camera/support/camera-config.ts';
import { median, table } from './support/figures.ts';
import { cpuMs } from './support/process-figures.ts';

const SECONDS = Number(process.argv[2] ?? 4);
const ROUNDS = 3;
const MAX_RATIO = 1.1;

const high = { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 };
const LADDER = {
  high,
  middle: { ...high, width: 640, height: 360, bitrateKbps: 700 },
  low: { ...high, width: 320, height: 180, bitrateKbps: 250 },
};

function ffmpegCpuMs(): number {
  return childPids('ffmpeg').reduce((sum, pid) => sum + cpuMs(pid), 0);
}

/** Share of a core that ffmpeg takes for these renditions while those are wanted. */
async function measure(renditions: typeof LADDER | { high: typeof high }, wanted: string[]): Promise<number> {
  const camera = new Camera({
    name: 'front',
    config: cameraConfig({ type: 'test' }, { video: { renditions }, idleGraceSeconds: 0 }),
    ffmpegPath: 'ffmpeg',
    clock: systemClock,
    random: systemRandom,
    log: createLog('error'),
  });
  const stop = new AbortController();
  const run = camera.run(stop.signal);
  camera.acquire();
  for (const name of wanted) camera.acquireRendition(name);
  // Whole seconds of pictures, so that each case encodes the same number.
  const frames = (count: number) =>
    new Promise<void>((resolve) => {
      let seen = 0;
      const end = camera.onAccessUnit((track) => {
        if (track !== 'high' || ++seen < count) return;
        end();
        resolve();
      });
    });
  await frames(high.fps);
  const before = ffmpegCpuMs();
  await frames(SECONDS * high.fps);
  const share = (ffmpegCpuMs() - before) / (SECONDS * 1000);
  stop.abort();
  await run;
  return share;
}

const shares: Record<string, number[]> = { one: [], unwatched: [], watched: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  shares['one']?.push(await measure({ high }, ['high']));
  shares['unwatched']?.push(await measure(LADDER, ['high']));
  shares['watched']?.push(await measure(LADDER, Object.keys(LADDER)));
}
const [one, unwatched, watched] = Object.values(shares).map(median);
const percent = (share = Number.NaN) => `${(share * 100).toFixed(1)} %`;
process.stdout.write(
  `${table(
    ['ffmpeg, 720p30 test picture', 'of a core'],
    [
      ['one rendition', percent(one)],
      ['ladder of three, one watched', percent(unwatched)],
      ['ladder of three, all watched', percent(watched)],
    ],
  )}\n`,
);
const ratio = (unwatched ?? Number.NaN) / (one ?? Number.NaN);
const isWithin = ratio <= MAX_RATIO;
process.stdout.write(
  `${isWithin ? 'within' : 'ABOVE'} the bound: ${ratio.toFixed(3)} of one rendition's (at most ${MAX_RATIO})\n`,
);
process.exitCode = isWithin ? 0 : 1;
