import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { testVideoGraph } from '../../../src/camera/test-source.ts';
import { isObject, valueAt } from '../../../src/config/layers.ts';
import type { Site } from '../../cloud/site.ts';
import type { RecordedMedia, RecordedUnit } from '../../cloud/storage/recorded-media.ts';
import { FPS, HIGH, largest, startRecordedSite, summary, verdict } from '../../support/recorded-site.ts';
import { childPids, commandLine } from '../camera/support/processes.ts';

/** One a second. */
const BEEPS = 4;
const REASON = ['state', 'reported', 'cameras', 'front', 'reason'];
const FFMPEG = join(import.meta.dirname, '../camera/support/ffmpeg-with-devices.sh');

/** Two devices that know of each other only by the clock: picture and sound flash and beep at each whole second of it. */
const CAMERA = testVideoGraph(HIGH, false)
  .replace(/setpts='[^']*'/, `setpts='(N+floor(RTCSTART*${FPS}/1000000))*1000000/${FPS}'`)
  .replace(/enable='[^']*'/, "enable='lt(mod(t+0.001,1),0.1)'");
const MICROPHONE = [
  'sine=frequency=1000:sample_rate=48000:samples_per_frame=48',
  "asetpts='N/SR/TB+RTCSTART/1000000/TB'",
  // None that has begun already.
  "volume=volume=0:enable='gte(mod(t,1),0.1)+not(st(0,max(ld(0),gte(mod(t,1),0.1))))'",
  'arealtime',
].join(',');

export function recordsThroughSilence(): void {
  test('a microphone that dies and comes back: silence, no picture missing, sound in step again, all of it reported', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvs-microphone-'));
    const graph = join(folder, 'graph');
    writeFileSync(graph, MICROPHONE);
    const { site, channelName } = await startRecordedSite({
      source: { type: 'v4l2', device: '/dev/video0', audioDevice: 'plughw:1,0' },
      settings: { ffmpeg: { path: FFMPEG } },
      environment: { CAMERA_GRAPH: CAMERA, MICROPHONE_GRAPH: graph },
      cloud: { iotCore: true },
    });
    const media = site.cloud.storage.media(channelName);
    try {
      await heard(media);
      // Between two beeps: what is cut off, a decoder lets fade at the next sound, which would count as one more.
      while (!isSilence(media.audio.at(-1))) await media.more('audio', 1);
      rmSync(graph);
      const diedAtMs = Date.now();
      for (const pid of childPids('ffmpeg', site.agent.pid))
        if (commandLine(pid).includes('sine=')) process.kill(pid, 'SIGKILL');
      await reported(site, /^microphone: .*No such device/);
      await media.more('video', 2 * FPS);
      writeFileSync(graph, MICROPHONE);
      const backAtMs = Date.now();
      await reported(site, /^$/);
      await heard(media);
      const judged = await verdict(site, channelName);
      const beeps = judged.beepAfterFlashMs.length;
      t.diagnostic(summary(judged));
      assert.deepEqual(judged.tracks, ['h264', 'opus']);
      assert.deepEqual(judged.steps, []);
      // A beep that has begun before the sound does not count.
      const isHeard = beeps >= 2 * BEEPS - 2 && beeps < judged.seconds - 2;
      assert.ok(isHeard, `${beeps} beeps in ${judged.seconds} s`);
      assert.ok(
        largest(judged.beepAfterFlashMs) <= 40,
        `${judged.beepAfterFlashMs.map(Math.round).join()} ms`,
      );
      assert.ok(largest(judged.clockErrorsMs) <= 20);
      const sounds = media.sounds().map(({ capturedAtMs }) => capturedAtMs);
      const whileDead = sounds.filter((atMs) => atMs > diedAtMs + 1_000 && atMs < backAtMs);
      const deadMs = backAtMs - diedAtMs - 1_000;
      assert.ok(whileDead.length >= deadMs / 20 - 2, `${whileDead.length} sounds in ${deadMs} ms`);
      const steps = sounds.slice(1).map((atMs, i) => atMs - (sounds[i] ?? 0));
      assert.ok(largest(steps) < 700, `${largest(steps)} ms without sound`);
      assert.equal(site.cloud.storage.sessions(channelName), 1);
    } finally {
      await site.close();
      rmSync(folder, { recursive: true });
    }
  });
}

/** Resolves when some more beeps are recorded to their end: a microphone's program takes as long to start as the machine lets it. */
async function heard(media: RecordedMedia): Promise<void> {
  let isBeep = false;
  for (let beeps = 0; beeps < BEEPS;) {
    await media.more('audio', 1);
    const wasBeep = isBeep;
    isBeep = !isSilence(media.audio.at(-1));
    if (wasBeep && !isBeep) beeps += 1;
  }
}

/** Opus needs but a byte or two for it. */
function isSilence(sound: RecordedUnit | undefined): boolean {
  return sound !== undefined && sound.data.length <= 3;
}

/** Resolves when the status shadow gives such a reason. */
async function reported({ cloud }: Site, expected: RegExp): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const reason = () => {
    const shadow: unknown = cloud.iot.shadows.get('demo-device', 'kvs-webrtc-status');
    const value = isObject(shadow) ? valueAt(shadow, REASON) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const look = () => expected.test(reason()) && resolve();
  const stop = cloud.events.listen(look);
  const timer = setTimeout(() => reject(new Error(`not ${expected}: ${reason()}`)), 15_000);
  look();
  await promise.finally(() => (stop(), clearTimeout(timer)));
}
