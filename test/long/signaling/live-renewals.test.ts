import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { DeviceProcess } from '../../support/device-process.ts';
import { LiveViewer } from '../../support/live-viewer.ts';

/** Side by side, so that sixty credentials of a minute's life are renewed in four minutes. */
const DEVICES = 16;
const RENEWALS = 100;
const CREDENTIAL_RENEWALS = 60;
const DROPS = 20;
const FPS = 5;
/** A picture that stands for longer is an interruption. */
const STANDSTILL_MS = 2_000;
const VISIT_SPREAD_MS = 12_000;
/** Of visits, while connections are still to be dropped. */
const DROP_SHARE = 1 / 10;
const LIMITS = { sessionMs: 20_000, goAwayBeforeEndMs: 10_000, credentialsMs: 60_000, iceTtlSeconds: 20 };

let cloud: LocalCloud;
const devices: DeviceProcess[] = [];
const live: LiveViewer[] = [];

before(async () => {
  cloud = await startLocalCloud({ turn: true, limits: LIMITS });
});
after(async () => {
  for (const viewer of live) viewer.close();
  await Promise.all(devices.map(({ agent }) => agent.stop()));
  await cloud.close();
});

const figures = { visits: 0, drops: 0 };
let failed = false;
const renewals = () => devices.reduce((sum, device) => sum + device.said('signaling session renewed'), 0);
const credentialRenewals = () => cloud.events.requests('AssumeRoleWithCertificate') - DEVICES;

function isDone(): boolean {
  if (failed) return true;
  const { drops } = figures;
  return renewals() >= RENEWALS && credentialRenewals() >= CREDENTIAL_RENEWALS && drops >= DROPS;
}

function stopAll(error: unknown): never {
  failed = true;
  throw error;
}

/** Every other device is reached through TURN alone, whose credentials run out while its viewer watches. */
async function startDevice(index: number): Promise<void> {
  const camera = index % 2 === 0 ? {} : { ice: { transportPolicy: 'relay' } };
  const device = await DeviceProcess.start(cloud, { thingName: `device-${index}`, camera });
  devices.push(device);
  await device.connected();
}

/** Viewers come and go until all is done; now and then the master's connection is cut just before one comes. */
async function receiveVisitors({ channelName }: DeviceProcess): Promise<void> {
  while (!isDone()) {
    await delay(Math.random() * VISIT_SPREAD_MS);
    // Not while an offer is under way: what is lost with a connection is the service's to lose.
    if (figures.drops < DROPS && Math.random() < DROP_SHARE) {
      cloud.signaling.master(channelName)?.drop();
      figures.drops += 1;
    }
    figures.visits += 1;
    const visitor = await LiveViewer.join(cloud, channelName, `visitor-${figures.visits}`);
    visitor.close();
  }
}

async function liveThrough(device: DeviceProcess): Promise<void> {
  const viewer = await LiveViewer.join(cloud, device.channelName, 'live');
  live.push(viewer);
  const [startedAt, picturesBefore] = [performance.now(), viewer.pictures];
  await receiveVisitors(device);
  const expected = (FPS * (performance.now() - startedAt)) / 1000;
  const { ms, endedAt } = viewer.standstill();
  const when = new Date(endedAt).toISOString();
  assert.ok(ms < STANDSTILL_MS, `${device.thingName}: stood for ${ms} ms until ${when}, ${viewer.lost} lost`);
  assert.ok(viewer.pictures - picturesBefore > 0.97 * expected, `${viewer.pictures} of ${expected} pictures`);
  assert.equal(viewer.lost, 0);
}

test(`${RENEWALS} renewals of signaling, ${CREDENTIAL_RENEWALS} of credentials, ${DROPS} drops: no offer is missed, no viewer interrupted`, async (t) => {
  for (let index = 0; index < DEVICES; index += 1) await startDevice(index);
  const outcomes = await Promise.allSettled(devices.map((device) => liveThrough(device).catch(stopAll)));
  const failures = outcomes.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
  assert.deepEqual(failures, []);
  const iceCalls = cloud.events.requests('GetIceServerConfig');
  const standstillMs = Math.max(...live.map((viewer) => viewer.standstill().ms));
  t.diagnostic(`${renewals()} renewals of signaling, ${credentialRenewals()} of credentials`);
  t.diagnostic(`${figures.drops} drops, ${figures.visits} visits, ${iceCalls} ICE configurations`);
  t.diagnostic(`longest time without a picture: ${Math.round(standstillMs)} ms`);
  assert.equal(cloud.events.count('message', { outcome: 'expired' }), 0);
  assert.equal(cloud.events.count('request', { status: 403 }), 0, 'no expired credentials were used');
  assert.equal(cloud.events.requests('DescribeSignalingChannel'), DEVICES);
  assert.equal(cloud.events.requests('GetSignalingChannelEndpoint'), DEVICES);
  // For viewers only, and again once the last ones had run out.
  assert.ok(iceCalls > DEVICES && iceCalls <= figures.visits + DEVICES);
});
