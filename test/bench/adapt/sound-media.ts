import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NutDemuxer } from '../../../src/camera/nut-demuxer.ts';

const run = promisify(execFile);
const FOLDER = join(import.meta.dirname, '../../output/media');
const TEXT =
  'The camera at the front door saw somebody. A parcel was left beside the gate, and nobody rang. Please look at the picture, ' +
  'and say whether the door is to be opened. It has been raining since the early morning, and the road is closed at the bridge.';

export const SOUND_MS = 20;

/** How speech is encoded. */
export interface SoundCoding {
  name: string;
  /** Options of ffmpeg's libopus encoder. */
  options: string;
}

/** Speech as packets of 20 ms; made once. */
export async function prepareSpeech({ name, options }: SoundCoding): Promise<Buffer[]> {
  const path = join(FOLDER, `speech-${name}.nut`);
  if (!existsSync(path)) {
    mkdirSync(FOLDER, { recursive: true });
    const input = `-hide_banner -loglevel error -nostdin -y -f lavfi -i`.split(' ');
    const encode =
      `-ac 1 -ar 48000 -c:a libopus -frame_duration ${SOUND_MS} ${options} -f nut ${path}.part`.split(' ');
    await run('ffmpeg', [...input, `flite=text='${TEXT.replace(/,/g, '\\,')}':voice=slt`, ...encode]);
    renameSync(`${path}.part`, path);
  }
  const packets: Buffer[] = [];
  const demuxer = new NutDemuxer(({ data }) => packets.push(Buffer.from(data)));
  demuxer.push(readFileSync(path));
  return packets;
}
