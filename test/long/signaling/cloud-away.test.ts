import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { DeviceProcess } from '../../support/device-process.ts';
import { LiveViewer } from '../../support/live-viewer.ts';

const AWAY_MS = 120_000;
const FPS = 5;
/** Backoff of `supervise`: no wait is longer. */
const LONGEST_STEP_MS = 60_000;
/** From the end of a wait to the connection. */
const CONNECT_MS = 2_000;

test('the whole cloud away for 2 minutes: the viewer never stops, signaling is back within one backoff step', async (t) => {
  const cloud = await startLocalCloud({ limits: { sessionMs: 20_000, credentialsMs: 60_000 } });
  cloud.limits.goAwayBeforeEndMs = 10_000;
  const device = await DeviceProcess.start(cloud);
  let viewer: LiveViewer | undefined;
  try {
    await device.connected();
    viewer = await LiveViewer.join(cloud, device.channelName, 'live');
    const [startedAt, picturesBefore] = [performance.now(), viewer.pictures];
    await cloud.stop();
    await delay(AWAY_MS);
    const connects = cloud.events.count('connected', { role: 'MASTER' });
    const failures = device.agent.logs.filter(
      ({ msg, details }) => msg.startsWith('failed') && details['part'] === 'signaling',
    );
    const stepMs = Number(failures.at(-1)?.details['retryInMs']);
    await cloud.start();
    const returnedAt = performance.now();
    await device.connected(connects + 1, LONGEST_STEP_MS + CONNECT_MS);
    const tookMs = performance.now() - returnedAt;
    t.diagnostic(
      `back after ${Math.round(tookMs)} ms, the step was ${stepMs} ms; ${failures.length} attempts in vain`,
    );
    assert.ok(tookMs <= stepMs + CONNECT_MS, `${tookMs} ms`);
    const expected = (FPS * (performance.now() - startedAt)) / 1000;
    const standstillMs = viewer.standstill().ms;
    t.diagnostic(`longest time without a picture: ${Math.round(standstillMs)} ms`);
    assert.ok(standstillMs < 2_000, `the picture stood for ${standstillMs} ms`);
    assert.ok(
      viewer.pictures - picturesBefore > 0.97 * expected,
      `${viewer.pictures} of ${expected} pictures`,
    );
    assert.equal(viewer.lost, 0);
    const next = await LiveViewer.join(cloud, device.channelName, 'next');
    next.close();
  } finally {
    viewer?.close();
    await device.agent.stop();
    await cloud.close();
  }
});
