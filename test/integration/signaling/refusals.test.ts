import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { test } from 'node:test';
import { errorText } from '../../../src/errors.ts';
import { ServiceError } from '../../../src/signaling/service-error.ts';
import { throttling } from '../../cloud/faults.ts';
import { ConnectProxy } from './support/connect-proxy.ts';
import { offer, useBench } from './support/bench.ts';
import { leakedSecrets, outputLines } from './support/master.ts';

const bench = useBench();

test('a refused handshake that quotes the presigned URL is told without it', async () => {
  const agent = bench.master();
  const { sessionToken = '' } = await agent.credentials.get();
  const message = `Wrong signature: GET /?X-Amz-Security-Token=${encodeURIComponent(sessionToken)}&X-Amz-Date=1`;
  const refusal = { kind: 'error', status: 403, errorType: 'InvalidSignatureException', message } as const;
  bench.cloud.faults.add('ConnectAsMaster', { ...refusal, times: 1 });
  agent.start();
  await agent.connected();
  assert.match(errorText(agent.failures[0]), /403 InvalidSignatureException Wrong signature/);
  assert.ok(!errorText(agent.failures[0]).includes(encodeURIComponent(sessionToken)));
});

test('expired credentials: refused once, renewed, connected', async () => {
  const agent = bench.master();
  await agent.channel.resolve();
  bench.cloud.context.credentials.expireTemporary();
  agent.start();
  await agent.connected();
  assert.equal(agent.credentials.renewals, 2);
  assert.match(errorText(agent.failures[0]), /^ConnectAsMaster at localhost:\d+: 403 /);
});

test('a device clock ten minutes off costs one attempt, and is reported', async () => {
  const agent = bench.master();
  await agent.channel.resolve();
  bench.cloud.limits.clockOffsetMs = 600_000;
  agent.credentials.invalidate();
  agent.start();
  await agent.connected();
  assert.ok(agent.failures.length <= 1);
  assert.match(errorText(agent.failures[0]), /the device clock, .* is \d+ s behind the service; corrected/);
  assert.ok(Math.abs(agent.signaling.status.clockOffsetMs - 600_000) < 3_000);
});

test('a cached channel that the service no longer knows is looked up again', async () => {
  const agent = bench.master();
  const { channelArn } = await agent.channel.resolve();
  const { channelName } = agent.channel;
  const createdAt = bench.cloud.context.channels.byName(channelName)?.createdAt;
  bench.cloud.context.channels.delete(channelName);
  while (Date.now() === createdAt) await new Promise(setImmediate);
  assert.notEqual(bench.cloud.createChannel(channelName).arn, channelArn);
  agent.start();
  await agent.connected();
  assert.ok(agent.failures[0] instanceof ServiceError && agent.failures[0].fault === 'not-found');
});

test('throttled with Retry-After: away for that long', async () => {
  bench.cloud.faults.add('ConnectAsMaster', throttling(1, 1));
  const agent = await bench.connectedMaster();
  const resource = agent.channel.channelName;
  const [refused, accepted] = bench.cloud.events.select('request', {
    resource,
    operation: 'ConnectAsMaster',
  });
  assert.ok(refused && accepted && accepted.at - refused.at >= 990);
});

test('behind an HTTP proxy: REST and WebSocket both go through it', async () => {
  const proxy = await ConnectProxy.start();
  const agent = new Agent({ keepAlive: true, proxyEnv: { HTTPS_PROXY: proxy.url } });
  const behind = await bench.connectedMaster({ agent });
  const client = await bench.viewer(behind);
  offer(client, 'v=0');
  await behind.until('offer', () => behind.offers.length === 1);
  const { control, masterSignaling } = bench.cloud.services;
  assert.ok(proxy.targets.has(`localhost:${control.port}`));
  assert.ok(proxy.targets.has(`localhost:${masterSignaling.port}`));
  await behind.stop();
  agent.destroy();
  await proxy.stop();
});

test('no credential, token or presigned URL in anything logged, reported or thrown', () => {
  assert.ok(outputLines() > 0);
  assert.deepEqual(leakedSecrets(), []);
});
