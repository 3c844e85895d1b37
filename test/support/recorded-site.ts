import { join } from 'node:path';
import { startSite, type Site, type SiteOptions } from '../cloud/site.ts';
import { judgeRecording, type JudgedRecording } from './recording-judge.ts';

/** Small pictures: this is about what arrives, not about how it looks. */
export const WIDTH = 640;
export const HEIGHT = 360;
export const FPS = 30;
const HIGH = { width: WIDTH, height: HEIGHT, fps: FPS, bitrateKbps: 500 };

/** One camera, `front`, with the test source, recorded into a channel that has a stream. */
export async function startRecordedSite(
  storage: object = {},
  options: Partial<SiteOptions> = {},
): Promise<{ site: Site; channelName: string }> {
  const site = await startSite({
    cameras: {
      front: {
        source: { type: 'test' },
        video: { renditions: { high: HIGH } },
        storage: { enabled: true, ...storage },
      },
    },
    ...options,
  });
  const channelName = site.channelOf('front');
  site.cloud.context.channels.enableStorage(channelName);
  return { site, channelName };
}

export interface Verdict extends JudgedRecording {
  /** Where a frame number does not follow its predecessor: how many are missing (negative: backward). */
  steps: { after: number; missing: number }[];
  /** For each picture the time by sender reports minus the capture time drawn into it, milliseconds. */
  clockErrorsMs: number[];
  seconds: number;
}

/** Saves what was recorded and judges the file. */
export async function verdict({ cloud }: Site, channelName: string): Promise<Verdict> {
  const media = cloud.storage.media(channelName);
  const path = join(cloud.directory, 'recording.nut');
  // More comes in while this is judged.
  const recorded = media.pictures();
  const originMs = await media.save(path, WIDTH, HEIGHT);
  const judged = await judgeRecording(path, WIDTH);
  const pictures = recorded.filter(({ capturedAtMs }) => capturedAtMs >= originMs);
  if (pictures.length !== judged.strips.length)
    throw new Error(`${judged.strips.length} pictures decoded of ${pictures.length} recorded`);
  return {
    ...judged,
    steps: judged.strips.flatMap(({ frameNumber }, i) => {
      const before = judged.strips[i - 1]?.frameNumber;
      const missing = before === undefined ? 0 : frameNumber - before - 1;
      return missing === 0 || before === undefined ? [] : [{ after: before, missing }];
    }),
    clockErrorsMs: pictures.map(({ capturedAtMs }, i) => {
      const low = judged.strips[i]?.captureTimeLow ?? 0;
      const whole = Math.floor(capturedAtMs);
      return ((whole - low) | 0) + (capturedAtMs - whole);
    }),
    seconds: ((pictures.at(-1)?.capturedAtMs ?? 0) - originMs) / 1000,
  };
}

export function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
