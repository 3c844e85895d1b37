import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { DeviceProcess } from '../../support/device-process.ts';
import { LiveViewer } from '../../support/live-viewer.ts';

const MINUTES = 3;
const CREDENTIALS_MS = 60_000;
/** Credentials are renewed when at most this share of their life is left. */
const RENEWAL_SHARE = 0.2;

test(`${MINUTES} minutes without viewers: the cloud is asked for nothing but what has run out`, async () => {
  const cloud = await startLocalCloud({
    limits: { sessionMs: 20_000, goAwayBeforeEndMs: 10_000, credentialsMs: CREDENTIALS_MS },
  });
  const calls = () =>
    ['DescribeSignalingChannel', 'GetSignalingChannelEndpoint', 'GetIceServerConfig'].map(
      (operation) => cloud.events.select('request').filter((event) => event.operation === operation).length,
    );
  let device = await DeviceProcess.start(cloud);
  try {
    await device.connected();
    await delay(MINUTES * 60_000);
    assert.deepEqual(calls(), [1, 1, 0]);
    const longest = Math.ceil((MINUTES * 60_000) / (CREDENTIALS_MS * (1 - RENEWAL_SHARE)));
    const fetched = cloud.events.requests('AssumeRoleWithCertificate');
    assert.ok(fetched >= MINUTES && fetched <= 1 + longest, `${fetched} credentials`);
    const renewed = cloud.events.count('connected', { role: 'MASTER' });
    assert.ok(renewed >= (MINUTES * 60_000) / 20_000, `${renewed} connections`);

    await device.agent.stop();
    device = await DeviceProcess.start(cloud);
    await device.connected(renewed + 1);
    assert.deepEqual(calls(), [1, 1, 0], 'a warm restart asks for nothing');
    assert.equal(cloud.events.requests('AssumeRoleWithCertificate'), fetched + 1);

    const viewer = await LiveViewer.join(cloud, device.channelName, 'first');
    viewer.close();
    assert.deepEqual(calls(), [1, 1, 1]);
  } finally {
    await device.agent.stop();
    await cloud.close();
  }
});
