import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { HIGH_AND_LOW } from '../../unit/camera/support/camera-config.ts';
import { CameraRig, temporaryFolder } from './support/camera-rig.ts';
import { countPictures } from './support/decode.ts';
import { childPids, commandLine } from './support/processes.ts';
import { freePort, startRtspCamera } from './support/rtsp-camera.ts';

const cameraUrl = (port: number) => `rtsp://127.0.0.1:${port}/cam`;
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'inherit' });

for (const transport of ['tcp', 'udp'] as const) {
  test(`an IP camera over ${transport} is passed through, with parameter sets from the SDP`, async (context) => {
    const port = await freePort();
    await startRtspCamera({ port });
    const rig = new CameraRig({ type: 'rtsp', url: cameraUrl(port), transport });
    const startedAt = performance.now();
    const hold = rig.camera.acquire();
    await rig.until('the first picture', () => rig.of('high').length > 0);
    context.diagnostic(`first picture after ${Math.round(performance.now() - startedAt)} ms`);
    await rig.until(
      'two groups of pictures',
      () => rig.of('high').filter(({ unit }) => unit.keyframe).length >= 2,
    );
    const status = rig.camera.status();
    hold.release();
    assert.equal(status.tracks['high']?.passThrough, true);
    assert.equal(status.audio, 'on');
    assert.equal(status.restarts, 0);
    const pictures = rig.of('high');
    const times = pictures.map(({ unit }) => unit.captureTimeMs);
    assert.ok(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0)));
    const lateMs = pictures.slice(50).map(({ unit, arrivedAt }) => arrivedAt - unit.captureTimeMs);
    assert.ok(Math.max(...lateMs) < 1000, `${Math.max(...lateMs)} ms late`);
    assert.equal(await countPictures(pictures), pictures.length);
  });
}

test('a login by digest that no process list shows; a wrong one is reported without it', async () => {
  const port = await freePort();
  const login = { user: 'viewer', password: "it's p@ss/w:rd %41" };
  await startRtspCamera({ port, login });
  const source = { type: 'rtsp' as const, url: cameraUrl(port), credentialsRef: 'front' };
  const asked: string[][] = [];
  const right = new CameraRig(source, {
    resolveCredentials: async (reference, host) => {
      asked.push([reference, host]);
      return login;
    },
  });
  right.camera.acquire();
  await right.more('high', 10);
  assert.deepEqual(asked[0], ['front', '127.0.0.1']);
  const [pid = 0] = childPids('ffmpeg');
  assert.match(commandLine(pid), /^ffmpeg /);
  assert.ok(!/p@ss|p%40ss|viewer/.test(commandLine(pid)), commandLine(pid));
  await right.stop();

  const wrong = { user: 'viewer', password: 'wr0ng-one' };
  const rig = new CameraRig(source, { resolveCredentials: () => Promise.resolve(wrong) });
  rig.camera.acquire();
  await rig.until('the failure', () => rig.camera.status().state === 'failed');
  assert.match(rig.camera.status().reason ?? '', /401 Unauthorized/);
  assert.ok(!JSON.stringify([rig.statuses, rig.logged]).includes('wr0ng-one'));
});

test('a camera that restarts is back within 3 s of its return, and was reported', async (context) => {
  const port = await freePort();
  const camera = await startRtspCamera({ port });
  const rig = new CameraRig({ type: 'rtsp', url: cameraUrl(port) });
  rig.camera.acquire();
  await rig.more('high', 10);
  await camera.kill();
  await rig.until('the report', () => rig.camera.status().state === 'failed');
  await rig.until('two vain attempts', () => rig.camera.status().restarts >= 3);
  await startRtspCamera({ port });
  const returnedAt = performance.now();
  await rig.until('the picture', () => rig.camera.status().state === 'streaming');
  const tookMs = performance.now() - returnedAt;
  context.diagnostic(`picture ${Math.round(tookMs)} ms after the camera's return`);
  assert.ok(tookMs <= 3000, `${tookMs} ms`);
  await rig.more('high', 10);
});

test('main and sub stream are two renditions; losing one leaves the other', async () => {
  const [port, subPort] = [await freePort(), await freePort()];
  await startRtspCamera({ port });
  const sub = await startRtspCamera({ port: subPort });
  const source = { type: 'rtsp' as const, url: cameraUrl(port), subUrl: cameraUrl(subPort) };
  const rig = new CameraRig(source, { video: { renditions: HIGH_AND_LOW } });
  rig.camera.acquire();
  await rig.more('high', 10);
  assert.equal(rig.of('low').length, 0, 'nobody wants the sub stream');
  for (const name of ['high', 'low']) rig.camera.acquireRendition(name);
  await rig.more('low', 10);
  await sub.kill();
  await rig.until('the report', () => rig.camera.status().reason?.startsWith('sub: ') === true);
  assert.equal(rig.camera.status().state, 'streaming');
  await rig.more('high', 25);
});

test('one packet in a hundred lost on the way: the picture goes on, and is back within 3 s of the camera', async (context) => {
  const namespace = `camera-${process.pid}`;
  ip('netns', 'add', namespace);
  after(() => ip('netns', 'delete', namespace));
  const inside = ['ip', 'netns', 'exec', namespace];
  ip('-n', namespace, 'link', 'set', 'lo', 'up');
  const rules = `table inet loss { chain in { type filter hook input priority 0;
    udp length > 100 numgen inc mod 100 < 1 counter drop
  }
}`;
  const folder = await temporaryFolder();
  writeFileSync(join(folder, 'rules'), rules);
  ip('netns', 'exec', namespace, 'nft', '-f', join(folder, 'rules'));
  writeFileSync(join(folder, 'ffmpeg'), `#!/bin/sh\nexec ${inside.join(' ')} ffmpeg "$@"\n`, { mode: 0o755 });

  const camera = await startRtspCamera({ port: 554, prefix: inside });
  const source = { type: 'rtsp' as const, url: 'rtsp://127.0.0.1/cam', transport: 'udp' as const };
  const rig = new CameraRig(source, { ffmpegPath: join(folder, 'ffmpeg') });
  rig.camera.acquire();
  await rig.more('high', 150);
  const arrivals = rig.of('high').map(({ arrivedAt }) => arrivedAt);
  const gaps = arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? 0));
  const dropped = execFileSync('ip', ['netns', 'exec', namespace, 'nft', 'list', 'ruleset']).toString();
  const lost = Number(/packets (\d+)/.exec(dropped)?.[1]);
  context.diagnostic(
    `${lost} packets lost, longest gap ${Math.max(...gaps)} ms, ${rig.camera.status().restarts} restarts`,
  );
  assert.ok(lost > 0 && Math.max(...gaps) <= 3000);
  assert.equal(rig.camera.status().state, 'streaming');

  await camera.kill();
  await rig.until('the report', () => rig.camera.status().state === 'failed');
  await startRtspCamera({ port: 554, prefix: inside });
  const returnedAt = performance.now();
  await rig.until('the picture', () => rig.camera.status().state === 'streaming');
  const tookMs = performance.now() - returnedAt;
  context.diagnostic(`picture ${Math.round(tookMs)} ms after the camera's return`);
  assert.ok(tookMs <= 3000, `${tookMs} ms`);
});
