import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { after, afterEach, before, test } from 'node:test';
import * as fc from 'fast-check';
import { errorText } from '../../../src/errors.ts';
import { decode } from '../../../src/signaling/messages.ts';
import { ServiceError } from '../../../src/signaling/service-error.ts';
import { throttling } from '../../cloud/faults.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { connect, type SignalingClient } from '../cloud/support/signaling-client.ts';
import { hostileFrame } from '../../unit/signaling/support/hostile-frames.ts';
import { ConnectProxy } from './support/connect-proxy.ts';
import { leakedSecrets, Master, outputLines, type MasterOptions } from './support/master.ts';

const CANDIDATE = { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 };
let cloud: LocalCloud;
let masters: Master[] = [];
let viewers: SignalingClient[] = [];
let channels = 0;

before(async () => {
  cloud = await startLocalCloud();
  cloud.trust();
});
afterEach(async () => {
  await Promise.all(viewers.map((client) => client.close()));
  await Promise.all(masters.map((running) => running.stop()));
  masters = [];
  viewers = [];
  cloud.faults.clear();
  cloud.limits.clockOffsetMs = 0;
});
after(() => cloud.close());

/** A master on a channel of its own, not yet started. */
function master(options: Partial<MasterOptions> = {}): Master {
  const channelName = `channel-${(channels += 1)}`;
  cloud.createChannel(channelName);
  const created = new Master(cloud, { channelName, ...options });
  masters.push(created);
  return created;
}

async function connectedMaster(options: Partial<MasterOptions> = {}): Promise<Master> {
  const started = master(options).start();
  await started.connected();
  return started;
}

async function viewer({ channel }: Master, clientId = 'viewer-1'): Promise<SignalingClient> {
  const client = connect(cloud, 'VIEWER', { channelName: channel.channelName, clientId });
  viewers.push(client);
  return client.opened();
}

function offer(client: SignalingClient, sdp: string): void {
  client.send('SDP_OFFER', { type: 'offer', sdp });
}

function frameOf(messagePayload: string): string {
  return JSON.stringify({ messageType: 'SDP_OFFER', senderClientId: 'viewer-1', messagePayload });
}

/** The service's end of the master's connection. */
function session({ channel }: Master) {
  const found = cloud.signaling.master(channel.channelName);
  assert.ok(found);
  return found;
}

function connects({ channel }: Master): number {
  return cloud.events.count('connected', { role: 'MASTER', channelName: channel.channelName });
}

test('offer, answer and candidates go both ways', async () => {
  const agent = await connectedMaster();
  const client = await viewer(agent);
  client.send('ICE_CANDIDATE', CANDIDATE);
  offer(client, 'v=0 offer');
  await agent.until('offer', () => agent.offers.length === 1);
  assert.deepEqual(agent.offers, [{ clientId: 'viewer-1', sdp: 'v=0 offer' }]);
  assert.deepEqual(agent.candidates, [{ clientId: 'viewer-1', candidate: CANDIDATE }]);
  assert.ok(agent.signaling.sendAnswer('viewer-1', 'v=0 answer'));
  assert.ok(agent.signaling.sendCandidate('viewer-1', CANDIDATE));
  const [answer, candidate] = [await client.frame(0), await client.frame(1)];
  assert.deepEqual(
    [answer.messageType, answer.payload],
    ['SDP_ANSWER', { type: 'answer', sdp: 'v=0 answer' }],
  );
  assert.deepEqual([candidate.messageType, candidate.payload], ['ICE_CANDIDATE', CANDIDATE]);
  assert.equal(agent.signaling.status.state, 'connected');
  assert.deepEqual(agent.durations, ['describeChannel', 'getEndpoints', 'connectAsMaster']);
});

test('an answer to a viewer that has gone comes back as such', async () => {
  const agent = await connectedMaster();
  agent.signaling.sendAnswer('nobody', 'v=0');
  await agent.until('failed', () => agent.sendFailures.length === 1);
  assert.equal(agent.sendFailures[0]?.clientId, 'nobody');
  assert.match(agent.sendFailures[0]?.reason ?? '', /^404 ResourceNotFoundException/);
  assert.equal(agent.signaling.counters.sendFailures, 1);
});

test('ten viewers at once: every answer and candidate arrives, no quota is exceeded', async () => {
  const agent: Master = await connectedMaster({
    onOffer: (clientId) => {
      agent.signaling.sendAnswer(clientId, `answer to ${clientId}`);
      for (let i = 0; i < 4; i += 1) agent.signaling.sendCandidate(clientId, CANDIDATE);
    },
  });
  const clients = await Promise.all(Array.from({ length: 10 }, (_, i) => viewer(agent, `viewer-${i}`)));
  for (const client of clients) offer(client, 'v=0');
  for (const client of clients) await client.frame(4);
  const { channelName } = agent.channel;
  assert.equal(cloud.events.count('message', { channelName, outcome: 'over-rate' }), 0);
  assert.equal(agent.signaling.counters.undeliverable, 0);
});

test('GO_AWAY: the new connection first, and no offer is missed meanwhile', async () => {
  const agent: Master = await connectedMaster({
    onOffer: (clientId, sdp) => void agent.signaling.sendAnswer(clientId, sdp),
  });
  const client = await viewer(agent);
  const old = session(agent);
  const { channelName } = agent.channel;
  old.goAway();
  let sent = 0;
  // An offer at every turn until the old connection has gone for good.
  const flow = setInterval(() => offer(client, `offer ${(sent += 1)}`), 50);
  await cloud.events.waitFor('disconnected', { channelName, role: 'MASTER' });
  clearInterval(flow);
  offer(client, 'last');
  await agent.until('offer', () => agent.offers.at(-1)?.sdp === 'last');
  assert.deepEqual(
    agent.offers.map(({ sdp }) => sdp),
    [...Array.from({ length: sent }, (_, i) => `offer ${i + 1}`), 'last'],
  );
  const closing = cloud.events.select('message', { channelName, outcome: 'held' });
  assert.deepEqual(closing, [], 'a master was connected at any time');
  assert.notEqual(session(agent), old);
  assert.ok(agent.states.every(({ state }) => state === 'connected'));
  assert.equal(agent.signaling.counters.renewals, 1);
  assert.deepEqual(agent.failures, []);
});

test('the limit of a connection is never met: renewed ahead of it, again and again', async () => {
  const agent = await connectedMaster({ sessionLifetimeMs: 400 });
  const { channelName } = agent.channel;
  await cloud.events.waitFor('connected', { channelName, role: 'MASTER' }, { nth: 6 });
  assert.ok(agent.states.every(({ state }) => state === 'connected'));
  assert.deepEqual(agent.failures, []);
});

test('a renewal that is refused is tried again while the old connection serves', async () => {
  const agent = await connectedMaster();
  const client = await viewer(agent);
  const { channelName } = agent.channel;
  cloud.faults.add('ConnectAsMaster', {
    kind: 'error',
    status: 500,
    errorType: 'InternalFailure',
    times: 3,
  });
  session(agent).goAway();
  await cloud.events.waitFor('request', { resource: channelName, operation: 'ConnectAsMaster', status: 500 });
  offer(client, 'meanwhile');
  await agent.until('offer', () => agent.offers.length === 1);
  await cloud.events.waitFor('connected', { channelName, role: 'MASTER' }, { nth: 2 });
  assert.ok(agent.states.every(({ state }) => state === 'connected'));
});

test('a dropped connection is back at once, and the offer that waited arrives', async () => {
  const agent = await connectedMaster();
  const client = await viewer(agent);
  const { channelName } = agent.channel;
  session(agent).drop();
  await cloud.events.waitFor('disconnected', { channelName, role: 'MASTER' });
  offer(client, 'held');
  await agent.until('offer', () => agent.offers.length === 1);
  assert.equal(agent.offers[0]?.sdp, 'held');
  assert.deepEqual(
    agent.states.map(({ state }) => state),
    ['connected', 'disconnected', 'connected'],
  );
  assert.match(agent.states[1]?.reason ?? '', /closed: code 1006/);
  assert.equal(
    cloud.events.count('request', { resource: channelName, operation: 'DescribeSignalingChannel' }),
    1,
  );
});

test('a peer that went silent is noticed by its missing pongs', async () => {
  const agent = await connectedMaster({ pingIntervalMs: 100 });
  session(agent).freeze();
  await agent.until('failed', () => agent.failures.length === 1);
  assert.match(errorText(agent.failures[0]), /nothing heard for \d+ ms/);
  await agent.connected();
});

test('what cannot be sent while disconnected is counted, not kept', async () => {
  const agent = master();
  assert.equal(agent.signaling.sendAnswer('viewer-1', 'v=0'), false);
  assert.equal(agent.signaling.sendCandidate('viewer-1', CANDIDATE), false);
  assert.equal(agent.signaling.counters.undeliverable, 2);
});

test('a refused handshake that quotes the presigned URL is told without it', async () => {
  const agent = master();
  const { sessionToken = '' } = await agent.credentials.get();
  const message = `Wrong signature: GET /?X-Amz-Security-Token=${encodeURIComponent(sessionToken)}&X-Amz-Date=1`;
  const refusal = { kind: 'error', status: 403, errorType: 'InvalidSignatureException', message } as const;
  cloud.faults.add('ConnectAsMaster', { ...refusal, times: 1 });
  agent.start();
  await agent.connected();
  assert.match(errorText(agent.failures[0]), /403 InvalidSignatureException Wrong signature/);
  assert.ok(!errorText(agent.failures[0]).includes(encodeURIComponent(sessionToken)));
});

test('expired credentials: refused once, renewed, connected', async () => {
  const agent = master();
  await agent.channel.resolve();
  cloud.context.credentials.expireTemporary();
  agent.start();
  await agent.connected();
  assert.equal(agent.credentials.renewals, 2);
  assert.match(errorText(agent.failures[0]), /^ConnectAsMaster at localhost:\d+: 403 /);
});

test('a device clock ten minutes off costs one attempt, and is reported', async () => {
  const agent = master();
  await agent.channel.resolve();
  cloud.limits.clockOffsetMs = 600_000;
  agent.credentials.invalidate();
  agent.start();
  await agent.connected();
  assert.ok(agent.failures.length <= 1);
  assert.match(errorText(agent.failures[0]), /the device clock, .* is \d+ s behind the service; corrected/);
  assert.ok(Math.abs(agent.signaling.status.clockOffsetMs - 600_000) < 3_000);
});

test('a cached channel that the service no longer knows is looked up again', async () => {
  const agent = master();
  const { channelArn } = await agent.channel.resolve();
  const { channelName } = agent.channel;
  const createdAt = cloud.context.channels.byName(channelName)?.createdAt;
  cloud.context.channels.delete(channelName);
  while (Date.now() === createdAt) await new Promise(setImmediate);
  assert.notEqual(cloud.createChannel(channelName).arn, channelArn);
  agent.start();
  await agent.connected();
  assert.ok(agent.failures[0] instanceof ServiceError && agent.failures[0].fault === 'not-found');
});

test('throttled with Retry-After: away for that long', async () => {
  cloud.faults.add('ConnectAsMaster', throttling(1, 1));
  const agent = await connectedMaster();
  const resource = agent.channel.channelName;
  const [refused, accepted] = cloud.events.select('request', { resource, operation: 'ConnectAsMaster' });
  assert.ok(refused && accepted && accepted.at - refused.at >= 990);
});

test('an outage of the whole cloud is survived, and ends within one backoff step', async () => {
  const agent = await connectedMaster();
  await cloud.stop();
  await agent.until('failed', () => agent.failures.length >= 4);
  assert.equal(agent.signaling.status.state, 'disconnected');
  assert.match(agent.signaling.status.reason, /ECONNREFUSED/);
  await cloud.start();
  await agent.connected();
});

test('two masters on one channel: told so, and kept from flapping', async () => {
  const agent = await connectedMaster();
  const { channelName } = agent.channel;
  // The rival: comes back the moment it is replaced.
  let rivals = 0;
  const rival = () => {
    rivals += 1;
    const client = connect(cloud, 'MASTER', { channelName });
    viewers.push(client);
    void client.closed.then(() => agent.signaling.status.state !== 'fighting' && rival());
  };
  rival();
  await agent.until('status', () => agent.signaling.status.state === 'fighting', 15_000);
  assert.match(
    agent.signaling.status.reason,
    new RegExp(`another master connects to channel "${channelName}"`),
  );
  assert.equal(agent.signaling.status.connected, false);
  assert.equal(rivals, 3);
  assert.equal(connects(agent), 6);
});

test('stopping takes no time: connected, in the handshake, in a call, in a backoff', async () => {
  const startedAt = performance.now();
  const connected = await connectedMaster();
  await connected.stop();
  assert.deepEqual(
    [connected.signaling.status.state, connected.signaling.status.connected],
    ['disconnected', false],
  );

  cloud.faults.add('ConnectAsMaster', { kind: 'hang', times: 1 });
  const agent = new Agent();
  const handshake = master({ agent });
  await handshake.channel.resolve();
  handshake.start();
  while (Object.keys(agent.sockets).length === 0) await new Promise(setImmediate);
  await handshake.stop();

  cloud.faults.add('DescribeSignalingChannel', { kind: 'hang', times: 1 });
  const call = master().start();
  while (call.credentials.renewals === 0) await new Promise(setImmediate);
  await call.stop();

  cloud.faults.clear();
  cloud.faults.add('ConnectAsMaster', throttling(1, 60));
  const away = master().start();
  await away.until('failed', () => away.failures.length === 1);
  await away.stop();
  assert.ok(performance.now() - startedAt < 3_000);
});

test('a listener that throws costs its message, not the connection', async () => {
  const agent = await connectedMaster({
    onOffer: () => {
      throw new Error('listener');
    },
  });
  const client = await viewer(agent);
  offer(client, 'one');
  offer(client, 'two');
  await agent.until('offer', () => agent.offers.length === 2);
  assert.equal(connects(agent), 1);
});

test('10,000 hostile frames over the socket: each counted, the log stays short, viewers are served', async () => {
  const agent = await connectedMaster();
  const client = await viewer(agent);
  const frames = [
    ...fc.sample(hostileFrame, 10_000),
    frameOf('A'.repeat(100_000)),
    frameOf('A'.repeat(200_000)),
  ];
  const expected: Record<string, number> = {};
  for (const frame of frames) {
    const decoded = decode(frame);
    if ('fault' in decoded) expected[decoded.fault] = (expected[decoded.fault] ?? 0) + 1;
  }
  const lines = outputLines();
  const service = session(agent);
  for (const frame of frames) service.sendFrame(frame);
  offer(client, 'after the flood');
  await agent.until('offer', () => agent.offers.at(-1)?.sdp === 'after the flood');
  assert.deepEqual(agent.signaling.counters.faults, expected);
  assert.equal(expected['too-large'], 2);
  assert.ok(outputLines() - lines < 100, String(outputLines() - lines));
  assert.deepEqual(agent.failures, []);
});

test('behind an HTTP proxy: REST and WebSocket both go through it', async () => {
  const proxy = await ConnectProxy.start();
  const agent = new Agent({ keepAlive: true, proxyEnv: { HTTPS_PROXY: proxy.url } });
  const behind = await connectedMaster({ agent });
  const client = await viewer(behind);
  offer(client, 'v=0');
  await behind.until('offer', () => behind.offers.length === 1);
  const { control, masterSignaling } = cloud.services;
  assert.ok(proxy.targets.has(`localhost:${control.port}`));
  assert.ok(proxy.targets.has(`localhost:${masterSignaling.port}`));
  await behind.stop();
  agent.destroy();
  await proxy.stop();
});

test('no credential, token or presigned URL in anything logged, reported or thrown', () => {
  assert.ok(outputLines() > 50);
  assert.deepEqual(leakedSecrets(), []);
});
