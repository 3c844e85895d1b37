import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decode } from '../../../src/signaling/messages.ts';
import { hostileFrame } from '../../unit/signaling/support/hostile-frames.ts';
import { offer, useBench } from './support/bench.ts';
import { leakedSecrets, outputLines, type Master } from './support/master.ts';

const bench = useBench();
const CANDIDATE = { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 };

function frameOf(messagePayload: string): string {
  return JSON.stringify({ messageType: 'SDP_OFFER', senderClientId: 'viewer-1', messagePayload });
}

test('offer, answer and candidates go both ways', async () => {
  const agent = await bench.connectedMaster();
  const client = await bench.viewer(agent);
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
  const agent = await bench.connectedMaster();
  agent.signaling.sendAnswer('nobody', 'v=0');
  await agent.until('failed', () => agent.sendFailures.length === 1);
  assert.equal(agent.sendFailures[0]?.clientId, 'nobody');
  assert.match(agent.sendFailures[0]?.reason ?? '', /^404 ResourceNotFoundException/);
  assert.equal(agent.signaling.counters.sendFailures, 1);
});

test('ten viewers at once: every answer and candidate arrives, no quota is exceeded', async () => {
  const agent: Master = await bench.connectedMaster({
    onOffer: (clientId) => {
      agent.signaling.sendAnswer(clientId, `answer to ${clientId}`);
      for (let i = 0; i < 4; i += 1) agent.signaling.sendCandidate(clientId, CANDIDATE);
    },
  });
  const clients = await Promise.all(Array.from({ length: 10 }, (_, i) => bench.viewer(agent, `viewer-${i}`)));
  for (const client of clients) offer(client, 'v=0');
  for (const client of clients) await client.frame(4);
  const { channelName } = agent.channel;
  assert.equal(bench.cloud.events.count('message', { channelName, outcome: 'over-rate' }), 0);
  assert.equal(agent.signaling.counters.undeliverable, 0);
});

test('what cannot be sent while disconnected is counted, not kept', async () => {
  const agent = bench.master();
  assert.equal(agent.signaling.sendAnswer('viewer-1', 'v=0'), false);
  assert.equal(agent.signaling.sendCandidate('viewer-1', CANDIDATE), false);
  assert.equal(agent.signaling.counters.undeliverable, 2);
});

test('a listener that throws costs its message, not the connection', async () => {
  const agent = await bench.connectedMaster({
    onOffer: () => {
      throw new Error('listener');
    },
  });
  const client = await bench.viewer(agent);
  offer(client, 'one');
  offer(client, 'two');
  await agent.until('offer', () => agent.offers.length === 2);
  assert.equal(bench.connects(agent), 1);
});

test('10,000 hostile frames over the socket: each counted, the log stays short, viewers are served', async () => {
  const agent = await bench.connectedMaster();
  const client = await bench.viewer(agent);
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
  const service = bench.session(agent);
  for (const frame of frames) service.sendFrame(frame);
  offer(client, 'after the flood');
  await agent.until('offer', () => agent.offers.at(-1)?.sdp === 'after the flood');
  assert.deepEqual(agent.signaling.counters.faults, expected);
  assert.equal(expected['too-large'], 2);
  assert.ok(outputLines() - lines < 100, String(outputLines() - lines));
  assert.deepEqual(agent.failures, []);
});

test('no credential, token or presigned URL in anything logged, reported or thrown', () => {
  assert.ok(outputLines() > 0);
  assert.deepEqual(leakedSecrets(), []);
});
