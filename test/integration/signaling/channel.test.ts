import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { errorText } from '../../../src/errors.ts';
import { ServiceError } from '../../../src/signaling/service-error.ts';
import { throttling } from '../../cloud/faults.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { leakedSecrets, Master } from './support/master.ts';

let cloud: LocalCloud;
let stateDirectory = '';
before(async () => {
  cloud = await startLocalCloud();
  cloud.trust();
  stateDirectory = await mkdtemp(join(tmpdir(), 'signaling-state-'));
});
after(async () => {
  await cloud.close();
  await rm(stateDirectory, { recursive: true });
});

function describes(resource: string): number {
  return cloud.events.count('request', { operation: 'DescribeSignalingChannel', resource });
}

function endpointCalls(resource: string): number {
  return cloud.events.count('request', { operation: 'GetSignalingChannelEndpoint', resource });
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  const [outcome] = await Promise.allSettled([promise]);
  assert.ok(outcome.status === 'rejected' && outcome.reason instanceof Error);
  return outcome.reason;
}

test('a channel is described once, and not at all after a warm restart', async () => {
  const { arn } = cloud.createChannel('front');
  const first = new Master(cloud, { channelName: 'front', stateDirectory });
  const [known] = await Promise.all([first.channel.resolve(), first.channel.resolve()]);
  assert.equal(known.channelArn, arn);
  assert.equal(new URL(known.endpoints.wss).protocol, 'wss:');
  assert.equal(known.endpoints.webrtc, undefined);
  await first.channel.resolve();
  assert.deepEqual([describes('front'), endpointCalls('front')], [1, 1]);
  assert.deepEqual(first.durations, ['describeChannel', 'getEndpoints']);

  const restarted = new Master(cloud, { channelName: 'front', stateDirectory });
  assert.deepEqual(await restarted.channel.resolve(), known);
  assert.deepEqual([describes('front'), endpointCalls('front')], [1, 1]);
});

test('a channel that is to be recorded asks for the missing endpoint alone', async () => {
  const master = new Master(cloud, { channelName: 'front', stateDirectory, withStorage: true });
  const { endpoints } = await master.channel.resolve();
  assert.equal(new URL(endpoints.webrtc ?? '').protocol, 'https:');
  assert.deepEqual([describes('front'), endpointCalls('front')], [1, 2]);
});

test('a channel that was deleted and made again is found again once the old one is refused', async () => {
  const { createdAt } = cloud.createChannel('again');
  const master = new Master(cloud, { channelName: 'again', stateDirectory });
  const old = await master.channel.resolve();
  cloud.context.channels.delete('again');
  // An ARN ends in its channel's time of creation.
  while (Date.now() === createdAt) await new Promise(setImmediate);
  const { arn } = cloud.createChannel('again');
  assert.notEqual(arn, old.channelArn);
  master.channel.expire();
  assert.equal((await master.channel.resolve()).channelArn, arn);
  const restarted = new Master(cloud, { channelName: 'again', stateDirectory });
  assert.equal((await restarted.channel.resolve()).channelArn, arn);
});

test('with the control plane away, what was known goes on serving', async () => {
  cloud.createChannel('kept');
  const master = new Master(cloud, { channelName: 'kept' });
  const known = await master.channel.resolve();
  master.channel.expire();
  cloud.faults.add('DescribeSignalingChannel', { kind: 'drop' });
  assert.equal((await master.channel.resolve()).channelArn, known.channelArn);
  cloud.faults.clear();
  const calls = describes('kept');
  assert.equal((await master.channel.resolve()).channelArn, known.channelArn);
  assert.equal(describes('kept'), calls + 1);
});

test('a missing channel: how to create it, or created where that is allowed', async () => {
  const strict = new Master(cloud, { channelName: 'missing' });
  const text = errorText(await rejection(strict.channel.resolve()));
  assert.match(text, /no signaling channel "missing".*create-signaling-channel.*createChannel/);
  assert.match(text, /404 ResourceNotFoundException/);

  const creating = new Master(cloud, { channelName: 'missing', createChannel: true });
  const { channelArn } = await creating.channel.resolve();
  assert.equal(cloud.context.channels.byName('missing')?.arn, channelArn);
  assert.equal(cloud.events.requests('CreateSignalingChannel'), 1);
});

test('credentials that the service refuses are renewed, and their token is in no error', async () => {
  cloud.createChannel('revoked');
  const master = new Master(cloud, { channelName: 'revoked' });
  await master.credentials.get();
  cloud.context.credentials.expireTemporary();
  const error = await rejection(master.channel.resolve());
  assert.ok(error instanceof ServiceError && error.fault === 'denied', errorText(error));
  assert.match(error.message, /^DescribeSignalingChannel "revoked": 403 /);
  await master.channel.resolve();
  assert.equal(master.credentials.renewals, 2);
});

test('a refusal that quotes the signed request, token and all, is told without it', async () => {
  cloud.createChannel('quoted');
  const master = new Master(cloud, { channelName: 'quoted' });
  const { sessionToken = '' } = await master.credentials.get();
  assert.ok(sessionToken);
  const message = `The signature does not match. The Canonical String should have been 'POST\n/\nx-amz-security-token:${sessionToken}'`;
  const refusal = { kind: 'error', status: 403, errorType: 'InvalidSignatureException', message } as const;
  cloud.faults.add('DescribeSignalingChannel', refusal);
  const text = errorText(await rejection(master.channel.resolve()));
  cloud.faults.clear();
  assert.match(text, /403 InvalidSignatureException The signature does not match/);
  assert.ok(!text.includes(sessionToken));
});

test('a device clock ten minutes wrong, either way, is corrected within the call', async () => {
  for (const clockOffsetMs of [600_000, -600_000]) {
    cloud.limits.clockOffsetMs = clockOffsetMs;
    const channelName = `clock${clockOffsetMs}`;
    cloud.createChannel(channelName);
    const master = new Master(cloud, { channelName });
    await master.channel.resolve();
    assert.ok(Math.abs(master.skew.offsetMs - clockOffsetMs) < 3_000, String(master.skew.offsetMs));
  }
  cloud.limits.clockOffsetMs = 0;
});

test('throttling says how long to stay away', async () => {
  cloud.createChannel('busy');
  cloud.faults.add('DescribeSignalingChannel', throttling(2, 1));
  const error = await rejection(new Master(cloud, { channelName: 'busy' }).channel.resolve());
  assert.ok(error instanceof ServiceError && error.fault === 'throttled');
  assert.equal(error.retryAfterMs, 1_000);
});

test('garbage instead of JSON is an error that says whose', async () => {
  cloud.createChannel('garbage');
  cloud.faults.add('DescribeSignalingChannel', { kind: 'garbage', times: 1 });
  const error = await rejection(new Master(cloud, { channelName: 'garbage' }).channel.resolve());
  assert.match(error.message, /^DescribeSignalingChannel "garbage": 200 the answer is no JSON/);
});

test('ICE servers: one call for viewers that join together, none without viewers', async () => {
  cloud.createChannel('ice');
  const master = new Master(cloud, { channelName: 'ice' });
  await master.channel.resolve();
  assert.equal(cloud.events.requests('GetIceServerConfig'), 0);
  await Promise.all(Array.from({ length: 10 }, () => master.channel.iceServers()));
  assert.equal(cloud.events.requests('GetIceServerConfig'), 1);
  assert.ok(master.durations.includes('getIceServers'));
  master.channel.invalidateIceServers();
  await master.channel.iceServers();
  assert.equal(cloud.events.requests('GetIceServerConfig'), 2);
});

test('closing ends a call that hangs', async () => {
  cloud.createChannel('hang');
  cloud.faults.add('DescribeSignalingChannel', { kind: 'hang', times: 1 });
  const master = new Master(cloud, { channelName: 'hang' });
  const resolving = rejection(master.channel.resolve());
  // The hung request is never logged: the credentials it was signed with were fetched just before.
  while (master.credentials.renewals === 0) await new Promise(setImmediate);
  master.controlPlane.close();
  assert.match((await resolving).message, /DescribeSignalingChannel/);
});

test('no error or log line held a secret', () => {
  assert.deepEqual(leakedSecrets(), []);
});
