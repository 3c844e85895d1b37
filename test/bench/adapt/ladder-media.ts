import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const FOLDER = join(import.meta.dirname, '../../output/media');
const SECONDS = 12;
export const FPS = 30;
/** Frames from key frame to key frame: 2 s. */
export const GOP_FRAMES = 60;

export interface LadderRung {
  name: string;
  width: number;
  height: number;
  kbps: number;
  /** Annex B with access unit delimiters. */
  path: string;
}

const RUNGS = [
  { name: 'high', width: 1280, height: 720, kbps: 2500 },
  { name: 'middle', width: 640, height: 360, kbps: 700 },
  { name: 'low', width: 320, height: 180, kbps: 250 },
];

/** One noisy picture in three renditions that fill their rates, key frames at the same instants; made once. */
export async function prepareLadder(): Promise<LadderRung[]> {
  const rungs = RUNGS.map((rung) => ({ ...rung, path: join(FOLDER, `ladder-${rung.name}.h264`) }));
  if (rungs.every(({ path }) => existsSync(path))) return rungs;
  mkdirSync(FOLDER, { recursive: true });
  for (const { path, width, height, kbps } of rungs) {
    const source = `testsrc2=size=1280x720:rate=${FPS},noise=alls=16:allf=t,scale=${width}:${height}`;
    const args = `-hide_banner -loglevel error -nostdin -y -f lavfi -i ${source} -t ${SECONDS} -pix_fmt yuv420p -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -bf 0 -g ${GOP_FRAMES} -keyint_min ${GOP_FRAMES} -sc_threshold 0 -b:v ${kbps}k -maxrate ${kbps}k -bufsize ${Math.round(kbps / 4)}k -bsf:v h264_metadata=aud=insert -f h264 ${path}.part`;
    await run('ffmpeg', args.split(' '));
    renameSync(`${path}.part`, path);
  }
  return rungs;
}
