import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { CameraRig, temporaryFolder } from './support/camera-rig.ts';
import { childPids } from './support/processes.ts';

const support = (name: string) => join(import.meta.dirname, 'support', name);

function signalFfmpeg(signal: NodeJS.Signals): void {
  for (const pid of childPids('ffmpeg')) process.kill(pid, signal);
}

/** Fails in `fail`, and is back with a picture after it. */
async function failAndRecover(rig: CameraRig, fail: () => void, reason: RegExp): Promise<void> {
  const failures = rig.camera.status().restarts;
  fail();
  await rig.until('the failure', () => rig.camera.status().restarts > failures);
  const failed = rig.statuses.findLast(({ state }) => state === 'failed');
  assert.match(failed?.reason ?? '', reason);
  await rig.until('the recovery', () => rig.camera.status().state === 'streaming');
  assert.equal(rig.camera.status().reason, undefined);
  await rig.more('high', 5);
  const recovered = rig.of('high').slice(-5);
  assert.ok(
    recovered.every(
      ({ unit }, index) =>
        index === 0 || unit.captureTimeMs > (recovered[index - 1]?.unit.captureTimeMs ?? 0),
    ),
  );
}

test('ffmpeg killed, stopped, killed again: reported, and the picture comes back', async () => {
  const rig = new CameraRig({ type: 'test' });
  rig.camera.acquire();
  await rig.more('high', 5);
  await failAndRecover(rig, () => signalFfmpeg('SIGKILL'), /was ended by SIGKILL/);
  await failAndRecover(rig, () => signalFfmpeg('SIGSTOP'), /no frame for 3000 ms/);
  await failAndRecover(rig, () => signalFfmpeg('SIGTERM'), /ended with code 255/);
  const stoppedAt = performance.now();
  await rig.stop();
  assert.ok(performance.now() - stoppedAt < 2000);
  assert.deepEqual(childPids('ffmpeg'), []);
  assert.equal(rig.camera.status().state, 'off');
});

test('a camera that stands still while it stops is killed in time', async () => {
  const rig = new CameraRig({ type: 'test' });
  rig.camera.acquire();
  await rig.more('high', 5);
  signalFfmpeg('SIGSTOP');
  const stoppedAt = performance.now();
  await rig.stop();
  assert.ok(performance.now() - stoppedAt < 2500);
  assert.deepEqual(childPids('ffmpeg'), []);
});

test('garbage instead of NUT: reported, and tried again until it is right', async () => {
  const broken = join(await temporaryFolder(), 'broken');
  writeFileSync(broken, '');
  process.env['BROKEN_UNTIL'] = broken;
  const rig = new CameraRig({ type: 'test' }, { ffmpegPath: support('ffmpeg-with-garbage.sh') });
  rig.camera.acquire();
  await rig.until('two failures', () => rig.camera.status().restarts >= 2);
  assert.match(rig.camera.status().reason ?? '', /NUT/);
  assert.equal(rig.units.length, 0);
  rmSync(broken);
  await rig.until('a picture', () => rig.camera.status().state === 'streaming');
});

test('a flood on standard error: the picture goes on, memory stays, passwords do not show', async (context) => {
  const rig = new CameraRig({ type: 'test' }, { ffmpegPath: support('ffmpeg-with-flood.sh') });
  rig.camera.acquire();
  await rig.more('high', 15);
  const before = process.memoryUsage().rss;
  await rig.more('high', 45);
  const grownMb = (process.memoryUsage().rss - before) / 1e6;
  context.diagnostic(`${Math.round(grownMb)} MB`);
  // The flood itself is many times as much.
  assert.ok(grownMb < 50, `${grownMb} MB`);
  signalFfmpeg('SIGKILL');
  await rig.until('the failure', () => rig.camera.status().state === 'failed');
  assert.match(rig.camera.status().reason ?? '', /\/\/\*\*\*@192\.0\.2\.1/);
  assert.ok(!JSON.stringify([rig.statuses, rig.logged]).includes('hunter2'));
  await rig.stop();
  assert.deepEqual(childPids('yes'), []);
});

test('no ffmpeg: the reason names the setting and the cure', async () => {
  const rig = new CameraRig({ type: 'test' }, { ffmpegPath: '/nowhere/ffmpeg' });
  rig.camera.acquire();
  await rig.until('the failure', () => rig.camera.status().state === 'failed');
  assert.match(rig.camera.status().reason ?? '', /"\/nowhere\/ffmpeg".*apt install ffmpeg.*ffmpeg\.path/);
});

test('a viewer that comes while a failed camera waits has it tried again at once', async () => {
  const clock = new SimulatedClock();
  // The longest delays that there are: a quarter of a second, doubled up to two seconds.
  const random = { float: () => 1, uint32: () => 0 };
  const rig = new CameraRig({ type: 'test' }, { ffmpegPath: '/nowhere/ffmpeg', clock, random });
  rig.camera.acquire();
  const failures = (count: number) =>
    rig.until(`failure ${count}`, () => rig.camera.status().restarts === count);
  for (const [index, delayMs] of [250, 500, 1000].entries()) {
    await failures(index + 1);
    await passing(clock, delayMs + 50);
  }
  await failures(4);
  await passing(clock, 600);
  assert.equal(rig.camera.status().restarts, 4);
  rig.camera.acquire();
  await failures(5);
});

/** Lets time pass for promises too. */
async function passing(clock: SimulatedClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await nextTurn();
    clock.advance(50);
  }
  await nextTurn();
}

test('an encoder that this ffmpeg lacks is named', async () => {
  const rig = new CameraRig({ type: 'test' }, { video: { encoder: 'h264_unheard_of' } });
  rig.camera.acquire();
  await rig.until('the failure', () => rig.camera.status().state === 'failed');
  assert.match(rig.camera.status().reason ?? '', /video\.encoder: .* no encoder "h264_unheard_of"/);
});

test('a microphone that is dead, comes alive, and dies: the picture never stops, silence stands in', async () => {
  const pipe = join(await temporaryFolder(), 'microphone');
  execFileSync('mkfifo', [pipe]);
  process.env['MICROPHONE_PIPE'] = pipe;
  const source = { type: 'v4l2' as const, device: '/dev/video0', audioDevice: 'hw:1' };
  const rig = new CameraRig(source, { ffmpegPath: support('ffmpeg-with-devices.sh') });
  rig.camera.acquire();
  await rig.until('silence', () => rig.camera.status().audio === 'silence');
  assert.equal(rig.camera.status().state, 'streaming');

  const sound = '-re -f lavfi -i sine=frequency=440:sample_rate=48000 -f s16le -flush_packets 1'.split(' ');
  const speaker = spawn('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', ...sound, pipe], {
    stdio: 'ignore',
  });
  after(() => speaker.kill('SIGKILL'));
  await rig.until('sound', () => rig.camera.status().audio === 'on');
  await rig.more('audio', 50);
  speaker.kill('SIGSTOP');
  await rig.until('silence again', () => rig.camera.status().audio === 'silence');
  const failures = rig.camera.status().restarts;
  await rig.until('the report', () => rig.camera.status().restarts > failures);
  assert.match(rig.camera.status().reason ?? '', /^microphone: no frame for 2000 ms/);
  await rig.more('high', 15);

  const states = new Set(rig.statuses.slice(1).map(({ state }) => state));
  assert.deepEqual([...states], ['starting', 'streaming']);
  assertNoGaps(
    rig.of('high').map(({ unit }) => unit.captureTimeMs),
    200,
  );
  assertNoGaps(
    rig.of('audio').map(({ unit }) => unit.captureTimeMs),
    700,
  );
});

function assertNoGaps(times: number[], mostMs: number): void {
  for (const [index, time] of times.entries()) {
    const gap = time - (times[index - 1] ?? time - 1);
    assert.ok(gap > 0 && gap <= mostMs, `${gap} ms before unit ${index} of ${times.length}`);
  }
}
