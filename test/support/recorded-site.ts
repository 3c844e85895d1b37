import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { RecordedMedia } from '../cloud/storage/recorded-media.ts';
import { startSite, type Site, type SiteOptions } from '../cloud/site.ts';
import { judgeRecording, type JudgedRecording } from './recording-judge.ts';

/** Small pictures: this is about what arrives, not about how it looks. */
export const WIDTH = 640;
export const HEIGHT = 360;
export const FPS = 30;
export const HIGH = { width: WIDTH, height: HEIGHT, fps: FPS, bitrateKbps: 500 };

/** One camera, `front`, with the test source or another, recorded into a channel that has a stream. */
export async function startRecordedSite({
  source = { type: 'test' },
  renditions = { high: HIGH },
  storage = {},
  ...options
}: Partial<SiteOptions> & { source?: object; renditions?: object; storage?: object } = {}): Promise<{
  site: Site;
  channelName: string;
}> {
  const front = { source, video: { renditions }, storage: { enabled: true, ...storage } };
  const site = await startSite({ cameras: { front }, ...options });
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

/** Nothing is missing in what was recorded, sound is in step with the picture, and the sender reports' times are right. */
export function assertWhole(judged: Verdict, media: RecordedMedia, seconds: number): void {
  const { tracks, steps, strips, beepAfterFlashMs, clockErrorsMs } = judged;
  assert.deepEqual(tracks, ['h264', 'opus']);
  assert.ok(judged.seconds > seconds - 3, `${judged.seconds} s`);
  assert.deepEqual(steps, []);
  assert.ok(Math.abs(strips.length - judged.seconds * FPS) < 3, `${strips.length} pictures`);
  assert.ok(beepAfterFlashMs.length >= judged.seconds - 2, `${beepAfterFlashMs.length} beeps`);
  assert.ok(largest(beepAfterFlashMs) <= 40, `${largest(beepAfterFlashMs)} ms between flash and beep`);
  assert.ok(largest(clockErrorsMs) <= 20, `${largest(clockErrorsMs)} ms`);
  // None comes before its time; the quickest tells how right they are.
  const newestMs = media.clockOffsetsMs.reduce((a, b) => Math.max(a, b), -Infinity);
  assert.ok(newestMs <= 5 && newestMs > -20, `sender reports ${newestMs} ms off`);
  assert.equal(media.incomplete, 0);
}

/** For people. */
export function summary({ strips, seconds, steps, beepAfterFlashMs, clockErrorsMs }: Verdict): string {
  return [
    `${strips.length} pictures in ${seconds.toFixed(1)} s`,
    `steps ${JSON.stringify(steps)}`,
    `${beepAfterFlashMs.length} beeps, at most ${largest(beepAfterFlashMs).toFixed(1)} ms from their flash`,
    `capture times wrong by at most ${largest(clockErrorsMs).toFixed(1)} ms`,
  ].join(', ');
}

export function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
