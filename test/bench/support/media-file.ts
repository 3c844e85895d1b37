import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const FOLDER = join(import.meta.dirname, '../../output/media');
const SECONDS = 12;
const ACCESS_UNIT_DELIMITER = Buffer.from([0, 0, 0, 1, 9]);

export interface MediaFile {
  kbps: number;
  fps: number;
  /** H.264 and Opus, for a camera that plays it in a loop. */
  moviePath: string;
  /** The same pictures as Annex B with access unit delimiters. */
  annexBPath: string;
}

/**
 * A noisy 720p picture that fills its rate, with a key frame every two seconds that brings its parameter sets, for a browser that
 * is sent it as it is; made once.
 */
export async function prepareMedia(kbps: number, fps = 30): Promise<MediaFile> {
  const name = join(FOLDER, `movie-${kbps}-${fps}`);
  const media = { kbps, fps, moviePath: `${name}.mkv`, annexBPath: `${name}.h264` };
  if (existsSync(media.annexBPath)) return media;
  mkdirSync(FOLDER, { recursive: true });
  const quiet = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'];
  const inputs =
    `-f lavfi -i testsrc2=size=1280x720:rate=${fps},noise=alls=24:allf=t -f lavfi -i sine=frequency=440:sample_rate=48000`.split(
      ' ',
    );
  const encode =
    `-t ${SECONDS} -pix_fmt yuv420p -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -bf 0 -g ${2 * fps} -keyint_min ${2 * fps} -sc_threshold 0 -x264-params repeat-headers=1 -b:v ${kbps}k -maxrate ${kbps}k -bufsize ${Math.round(kbps / 4)}k -c:a libopus -b:a 32k -frame_duration 20`.split(
      ' ',
    );
  await run('ffmpeg', [...quiet, ...inputs, ...encode, `${name}.part.mkv`]);
  const annexB = '-map 0:v -c copy -bsf:v h264_mp4toannexb,h264_metadata=aud=insert -f h264'.split(' ');
  await run('ffmpeg', [...quiet, '-i', `${name}.part.mkv`, ...annexB, `${name}.part.h264`]);
  renameSync(`${name}.part.mkv`, media.moviePath);
  renameSync(`${name}.part.h264`, media.annexBPath);
  return media;
}

/** The access units of an Annex B file with delimiters. */
export function readAccessUnits(annexBPath: string): Buffer[] {
  const data = readFileSync(annexBPath);
  const units: Buffer[] = [];
  for (let at = 0; at < data.length;) {
    const next = data.indexOf(ACCESS_UNIT_DELIMITER, at + 1);
    const end = next < 0 ? data.length : next;
    units.push(data.subarray(at, end));
    at = end;
  }
  return units;
}
