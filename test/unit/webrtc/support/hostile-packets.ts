import assert from 'node:assert/strict';
import { packetChecksum } from '../../../../src/webrtc/sctp/crc32c.ts';
import { DataChannels } from '../../../../src/webrtc/sctp/data-channels.ts';
import { mutate, randomIntegers } from '../../../support/mutate.ts';
import { ChannelPair, RELIABLE } from '../../../support/channel-pair.ts';

const PACKETS_PER_PAIR = 2_000;
const MAX_HEAP_GROWTH_BYTES = 100 * 1024 * 1024;

/** Mutated packets of a real conversation, with a checksum that fits: nothing throws, and what is held stays bounded. */
export function fuzzSctp(count: number, seed: number): void {
  const random = randomIntegers(seed);
  const heapBytes = process.memoryUsage().heapUsed;
  for (let done = 0; done < count; done += PACKETS_PER_PAIR) {
    const pair = new ChannelPair({ loss: 0.05 }, random(1_000_000));
    const samples = record(pair);
    for (let i = 0; i < Math.min(PACKETS_PER_PAIR, count - done); i += 1) {
      const sample = samples[random(samples.length)]!;
      const hostile = mutate(sample, random);
      if (hostile.length >= 12) {
        // The tag, too: else nearly everything would be refused for it.
        sample.copy(hostile, 0, 0, 8);
        hostile.writeUInt32LE(packetChecksum(hostile), 8);
      }
      pair.device.receive(hostile);
      if (i % 10 === 0) pair.clock.advance(1);
    }
    pair.device.close();
  }
  const growth = process.memoryUsage().heapUsed - heapBytes;
  assert.ok(growth < MAX_HEAP_GROWTH_BYTES, `the heap grew by ${growth} bytes`);
}

/** What the viewer sends in a conversation with all kinds of messages. */
function record(pair: ChannelPair): Buffer[] {
  const samples: Buffer[] = [];
  const receive = pair.device.receive.bind(pair.device);
  pair.device.receive = (packet: Buffer): void => {
    samples.push(Buffer.from(packet));
    receive(packet);
  };
  const channels = [RELIABLE, { ...RELIABLE, ordered: false, maxRetransmits: 0 }].map((terms, i) =>
    pair.viewer.create({ label: `channel ${i}`, ...terms }),
  );
  pair.until(() => pair.atDevice.length === 2);
  for (const channel of pair.atDevice) channel.onMessage = (message) => void channel.send(message);
  for (const channel of channels) for (const size of [0, 1, 1_200, 5_000]) channel.send(Buffer.alloc(size));
  pair.clock.advance(500);
  channels[1]!.close();
  pair.clock.advance(500);
  pair.device.receive = receive;
  assert.ok(pair.device instanceof DataChannels && samples.length > 10);
  return samples;
}
