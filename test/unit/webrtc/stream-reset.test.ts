import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readParameters, writeParameter } from '../../../src/webrtc/sctp/packet.ts';
import { StreamReset } from '../../../src/webrtc/sctp/stream-reset.ts';
import { ChannelPair, RELIABLE } from '../../support/channel-pair.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const CHUNK_HEADER_BYTES = 4;
const OUTGOING_RESET = 13;
const RESPONSE = 16;
const PERFORMED = 1;
const IN_PROGRESS = 6;

/** As former versions of Chromium's SCTP: nothing is performed before it has `receivedTsn`, and a number that it knows has its first answer again. */
function startReset() {
  const clock = new SimulatedClock();
  const answers = new Map<number, number>();
  const peer = { receivedTsn: 0, lastSentTsn: 0, ended: [] as number[], requests: 0 };
  const reset = new StreamReset({
    localTsn: 100,
    remoteTsn: 200,
    clock,
    onChunk: (chunk) => {
      const [request] = readParameters(chunk.subarray(CHUNK_HEADER_BYTES));
      assert.equal(request?.type, OUTGOING_RESET);
      peer.requests += 1;
      const sequence = request.value.readUInt32BE(0);
      const isDone = request.value.readUInt32BE(8) <= peer.receivedTsn;
      const result = answers.get(sequence) ?? (isDone ? PERFORMED : IN_PROGRESS);
      answers.set(sequence, result);
      const response = Buffer.alloc(8);
      response.writeUInt32BE(sequence, 0);
      response.writeUInt32BE(result, 4);
      clock.after(10, () => reset.onChunk(writeParameter(RESPONSE, response)));
    },
    lastSentTsn: () => peer.lastSentTsn,
    lastReceivedTsn: () => 199,
    onPeerReset: () => assert.fail('the peer has ended nothing'),
    onOwnReset: (streamIds) => peer.ended.push(...streamIds),
  });
  return { clock, peer, reset };
}

test('a stream that is ended while a packet is missing is asked for again until the peer has ended it', () => {
  const { clock, peer, reset } = startReset();
  peer.lastSentTsn = 7;
  reset.reset(4);
  clock.advance(100);
  assert.deepEqual([peer.requests, peer.ended], [1, []]);
  // The missing one has come; other streams are used all the time, and something of theirs is always on its way.
  peer.receivedTsn = 7;
  peer.lastSentTsn = 9;
  clock.advance(1_000);
  assert.deepEqual(peer.ended, [4]);
  assert.equal(peer.requests, 2);
});

test('a channel in the place of a closed one loses nothing, whatever was lost when that one was closed', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const pair = new ChannelPair({}, seed);
    const first = pair.viewer.create({ label: 'first', ...RELIABLE });
    pair.until(() => pair.atDevice.length === 1);
    const received: unknown[] = [];
    pair.onChannel = (channel) => {
      channel.onMessage = (message) => received.push(message);
    };
    const sent = Array.from({ length: 100 }, (_, i) => `message ${i}`);
    first.onClose = () => {
      pair.path.loss = 0;
      const second = pair.viewer.create({ label: 'second', ...RELIABLE });
      for (const message of sent) second.send(message);
    };
    pair.path.loss = 0.3;
    first.close();
    pair.until(() => received.length === sent.length);
    assert.deepEqual(received, sent);
  }
});
