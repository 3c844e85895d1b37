import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { test } from 'node:test';
import { errorText } from '../../../src/errors.ts';
import { throttling } from '../../cloud/faults.ts';
import { offer, useBench } from './support/bench.ts';
import { leakedSecrets, outputLines, type Master } from './support/master.ts';

const bench = useBench();

test('GO_AWAY: the new connection first, and no offer is missed meanwhile', async () => {
  const agent: Master = await bench.connectedMaster({
    onOffer: (clientId, sdp) => void agent.signaling.sendAnswer(clientId, sdp),
  });
  const client = await bench.viewer(agent);
  const old = bench.session(agent);
  const { channelName } = agent.channel;
  old.goAway();
  let sent = 0;
  // An offer at every turn until the old connection has gone for good.
  const flow = setInterval(() => offer(client, `offer ${(sent += 1)}`), 50);
  await bench.cloud.events.waitFor('disconnected', { channelName, role: 'MASTER' });
  clearInterval(flow);
  offer(client, 'last');
  await agent.until('offer', () => agent.offers.at(-1)?.sdp === 'last');
  assert.deepEqual(
    agent.offers.map(({ sdp }) => sdp),
    [...Array.from({ length: sent }, (_, i) => `offer ${i + 1}`), 'last'],
  );
  const closing = bench.cloud.events.select('message', { channelName, outcome: 'held' });
  assert.deepEqual(closing, [], 'a master was connected at any time');
  assert.notEqual(bench.session(agent), old);
  assert.ok(agent.states.every(({ state }) => state === 'connected'));
  assert.equal(agent.signaling.counters.renewals, 1);
  assert.deepEqual(agent.failures, []);
});

test('the limit of a connection is never met: renewed ahead of it, again and again', async () => {
  const agent = await bench.connectedMaster({ sessionLifetimeMs: 400 });
  const { channelName } = agent.channel;
  await bench.cloud.events.waitFor('connected', { channelName, role: 'MASTER' }, { nth: 6 });
  assert.ok(agent.states.every(({ state }) => state === 'connected'));
  assert.deepEqual(agent.failures, []);
});

test('a renewal that is refused is tried again while the old connection serves', async () => {
  const agent = await bench.connectedMaster();
  const client = await bench.viewer(agent);
  const { channelName } = agent.channel;
  bench.cloud.faults.add('ConnectAsMaster', {
    kind: 'error',
    status: 500,
    errorType: 'InternalFailure',
    times: 3,
  });
  bench.session(agent).goAway();
  await bench.cloud.events.waitFor('request', {
    resource: channelName,
    operation: 'ConnectAsMaster',
    status: 500,
  });
  offer(client, 'meanwhile');
  await agent.until('offer', () => agent.offers.length === 1);
  await bench.cloud.events.waitFor('connected', { channelName, role: 'MASTER' }, { nth: 2 });
  assert.ok(agent.states.every(({ state }) => state === 'connected'));
});

test('a dropped connection is back at once, and the offer that waited arrives', async () => {
  const agent = await bench.connectedMaster();
  const client = await bench.viewer(agent);
  const { channelName } = agent.channel;
  bench.session(agent).drop();
  await bench.cloud.events.waitFor('disconnected', { channelName, role: 'MASTER' });
  offer(client, 'held');
  await agent.until('offer', () => agent.offers.length === 1);
  assert.equal(agent.offers[0]?.sdp, 'held');
  assert.deepEqual(
    agent.states.map(({ state }) => state),
    ['connected', 'disconnected', 'connected'],
  );
  assert.match(agent.states[1]?.reason ?? '', /closed: code 1006/);
  assert.equal(
    bench.cloud.events.count('request', { resource: channelName, operation: 'DescribeSignalingChannel' }),
    1,
  );
});

test('a peer that went silent is noticed by its missing pongs', async () => {
  const agent = await bench.connectedMaster({ pingIntervalMs: 100 });
  bench.session(agent).freeze();
  await agent.until('failed', () => agent.failures.length === 1);
  assert.match(errorText(agent.failures[0]), /nothing heard for \d+ ms/);
  await agent.connected();
});

test('an outage of the whole cloud is survived, and ends within one backoff step', async () => {
  const agent = await bench.connectedMaster();
  await bench.cloud.stop();
  await agent.until('failed', () => agent.failures.length >= 4);
  assert.equal(agent.signaling.status.state, 'disconnected');
  assert.match(agent.signaling.status.reason, /ECONNREFUSED/);
  await bench.cloud.start();
  await agent.connected();
});

test('two masters on one channel: told so, and kept from flapping', async () => {
  const agent = await bench.connectedMaster();
  const { channelName } = agent.channel;
  // The rival: comes back the moment it is replaced.
  let rivals = 0;
  const rival = () => {
    rivals += 1;
    const client = bench.rival(agent);
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
  assert.equal(bench.connects(agent), 6);
});

test('stopping takes no time: connected, in the handshake, in a call, in a backoff', async () => {
  const startedAt = performance.now();
  const connected = await bench.connectedMaster();
  await connected.stop();
  assert.deepEqual(
    [connected.signaling.status.state, connected.signaling.status.connected],
    ['disconnected', false],
  );

  bench.cloud.faults.add('ConnectAsMaster', { kind: 'hang', times: 1 });
  const agent = new Agent();
  const handshake = bench.master({ agent });
  await handshake.channel.resolve();
  handshake.start();
  while (Object.keys(agent.sockets).length === 0) await new Promise(setImmediate);
  await handshake.stop();

  bench.cloud.faults.add('DescribeSignalingChannel', { kind: 'hang', times: 1 });
  const call = bench.master().start();
  while (call.credentials.renewals === 0) await new Promise(setImmediate);
  await call.stop();

  bench.cloud.faults.clear();
  bench.cloud.faults.add('ConnectAsMaster', throttling(1, 60));
  const away = bench.master().start();
  await away.until('failed', () => away.failures.length === 1);
  await away.stop();
  assert.ok(performance.now() - startedAt < 3_000);
});

test('no credential, token or presigned URL in anything logged, reported or thrown', () => {
  assert.ok(outputLines() > 0);
  assert.deepEqual(leakedSecrets(), []);
});
