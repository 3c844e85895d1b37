import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataChannel } from '../../../src/webrtc/sctp/data-channel.ts';
import { ChannelPair, RELIABLE } from '../../support/channel-pair.ts';
import { fuzzSctp } from './support/hostile-packets.ts';

/** Every size at which something changes: empty, one fragment, one more byte, the largest. */
const SIZES = [0, 1, 3, 4, 1_131, 1_132, 1_133, 16_384, 65_536, 262_144];

/** Opens a channel from one side; both ends of it. */
function open(
  pair: ChannelPair,
  by: 'viewer' | 'device',
  terms: Partial<typeof RELIABLE> = {},
): { near: DataChannel; far: DataChannel } {
  const opened = by === 'viewer' ? pair.atDevice : pair.atViewer;
  const before = opened.length;
  const near = pair[by].create({ label: `channel ${before}`, ...RELIABLE, ...terms });
  pair.until(() => opened.length > before);
  return { near, far: opened[before]! };
}

/** Sends as fast as the channel takes it. */
function pump(channel: DataChannel, messages: readonly Buffer[]): void {
  let next = 0;
  channel.onDrain = () => {
    while (next < messages.length && channel.send(messages[next]!)) next += 1;
  };
  channel.onDrain();
}

function numbered(count: number, bytes: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const message = Buffer.alloc(bytes, i & 0xff);
    message.writeUInt32BE(i, 0);
    return message;
  });
}

for (const by of ['viewer', 'device'] as const) {
  test(`text and bytes of all sizes arrive as they are, both ways, on a channel that the ${by} opened`, () => {
    const pair = new ChannelPair({ loss: 0.03, reordering: 0.1 });
    const { near, far } = open(pair, by);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const received: Array<string | Buffer> = [];
      to.onMessage = (message) => received.push(typeof message === 'string' ? message : Buffer.from(message));
      const sent = SIZES.flatMap((size) => ['é'.repeat(size / 2), Buffer.alloc(size, size & 0xff)]);
      for (const message of sent) {
        pair.until(() => from.send(message));
      }
      pair.until(() => received.length === sent.length);
      assert.deepEqual(received, sent);
    }
  });
}

test('10 MB on a reliable channel are complete and in order at 5 % loss', () => {
  const pair = new ChannelPair({ loss: 0.05, reordering: 0.05 });
  const { near, far } = open(pair, 'viewer');
  const order: number[] = [];
  far.onMessage = (message) => typeof message !== 'string' && order.push(message.readUInt32BE(0));
  pump(near, numbered(640, 16_384));
  pair.until(() => order.length === 640, 120_000);
  assert.deepEqual(order, [...order.keys()]);
});

test('an unreliable channel loses messages and nothing else', () => {
  for (const limit of [{ maxRetransmits: 0 }, { maxLifetimeMs: 40 }]) {
    const pair = new ChannelPair();
    const { near, far } = open(pair, 'device', limit);
    pair.path.loss = 0.2;
    const order: number[] = [];
    far.onMessage = (message) => typeof message !== 'string' && order.push(message.readUInt32BE(0));
    for (const message of numbered(500, 300)) {
      near.send(message);
      pair.clock.advance(5);
    }
    pair.clock.advance(5_000);
    assert.ok(order.length > 150 && order.length < 499, `${order.length} of 500 arrived`);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    pair.path.loss = 0;
    near.send(numbered(1, 4)[0]!);
    pair.until(() => order.at(-1) === 0);
  }
});

test('a path that loses nothing loses nothing, however fast the other side sends: it waits', () => {
  for (const [count, bytes] of [
    [30_000, 10],
    [60, 262_144],
  ] as const) {
    const pair = new ChannelPair({ latencyMs: 1 });
    const { near, far } = open(pair, 'viewer', { maxRetransmits: 0 });
    const order: number[] = [];
    far.onMessage = (message) => typeof message !== 'string' && order.push(message.readUInt32BE(0));
    pump(near, numbered(count, bytes));
    pair.until(() => order.at(-1) === count - 1);
    assert.equal(order.length, count);
  }
});

test('what is given up on one channel takes nothing from another', () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const pair = new ChannelPair({}, seed);
    const kept = open(pair, 'device', { ordered: false });
    const givenUp = open(pair, 'device', { ordered: false, maxRetransmits: 0 });
    const received = new Set<number>();
    kept.far.onMessage = (message) => typeof message !== 'string' && received.add(message.readUInt32BE(0));
    pair.path.loss = 0.15;
    for (const message of numbered(60, 3_000)) {
      pair.until(() => kept.near.send(message));
      givenUp.near.send(message);
      pair.clock.advance(3);
    }
    pair.until(() => received.size === 60);
  }
});

test('an unordered message does not wait for a lost one', () => {
  const pair = new ChannelPair();
  const { near, far } = open(pair, 'viewer', { ordered: false });
  // Until the other side has answered, everything goes in order.
  pair.clock.advance(100);
  const received: unknown[] = [];
  far.onMessage = (message) => received.push(message);
  pair.path.loss = 1;
  near.send('lost first');
  pair.path.loss = 0;
  near.send('second');
  pair.clock.advance(15);
  assert.deepEqual(received, ['second']);
  pair.until(() => received.length === 2);
});

test('a loss on one channel does not hold up another', () => {
  const pair = new ChannelPair();
  const first = open(pair, 'viewer');
  const second = open(pair, 'viewer');
  const received: unknown[] = [];
  for (const { far } of [first, second]) far.onMessage = (message) => received.push(message);
  pair.path.loss = 1;
  first.near.send('lost first');
  pair.path.loss = 0;
  second.near.send('second');
  pair.clock.advance(15);
  assert.deepEqual(received, ['second']);
});

test('1,000 channels opened and closed leave nothing', () => {
  const pair = new ChannelPair({ loss: 0.02 });
  let closed = 0;
  for (let i = 0; i < 1_000; i += 1) {
    const { near, far } = open(pair, i % 2 === 0 ? 'viewer' : 'device');
    near.onClose = far.onClose = () => (closed += 1);
    near.send('goodbye');
    (i % 3 === 0 ? far : near).close();
    if (i % 20 === 0) pair.until(() => closed === 2 * (i + 1));
  }
  pair.until(() => closed === 2_000);
  assert.deepEqual([pair.viewer.size, pair.device.size], [0, 0]);
});

test('what was sent before a channel is closed still arrives', () => {
  const pair = new ChannelPair({ loss: 0.1 });
  const { near, far } = open(pair, 'viewer');
  let bytes = 0;
  let isClosed = false;
  far.onMessage = (message) => (bytes += message.length);
  far.onClose = () => (isClosed = true);
  near.send(Buffer.alloc(200_000));
  near.close();
  assert.equal(near.send('too late'), false);
  pair.until(() => isClosed);
  assert.equal(bytes, 200_000);
});

test('a viewer that does not keep up is sent no more than is kept for it', () => {
  const pair = new ChannelPair();
  const { near, far } = open(pair, 'device');
  const second = open(pair, 'device');
  pair.path.loss = 1;
  let tiny = 0;
  while (tiny < 1_000_000 && second.near.send('x')) tiny += 1;
  assert.ok(tiny < 8_000, `${tiny} messages of one byte`);
  pair.path.loss = 0;
  pair.until(() => second.near.bufferedBytes === 0);
  pair.path.loss = 1;
  let taken = 0;
  while (near.send(Buffer.alloc(10_000))) taken += 1;
  assert.ok(taken >= 90 && taken <= 105, `${taken} messages of 10 kB`);
  let received = 0;
  far.onMessage = () => (received += 1);
  pair.path.loss = 0;
  pair.until(() => received === taken);
  assert.ok(near.send('again'));
});

test('a peer that vanishes is noticed, and every channel closed once', () => {
  const pair = new ChannelPair();
  const { near } = open(pair, 'device');
  let closes = 0;
  near.onClose = () => (closes += 1);
  pair.path.loss = 1;
  near.send('is anybody there?');
  pair.until(() => closes === 1, 120_000);
  assert.equal(near.send('no'), false);
  pair.device.close();
  assert.equal(closes, 1);
});

test('a peer that does not answer the end of a channel is asked ever more rarely, and then no more', () => {
  const pair = new ChannelPair();
  const { near } = open(pair, 'device');
  pair.clock.advance(1_000);
  pair.path.loss = 1;
  near.close();
  const asked = [10_000, 110_000, 600_000].map((ms) => {
    const before = pair.packets;
    pair.clock.advance(ms);
    return pair.packets - before;
  });
  assert.deepEqual(
    [asked[0]! >= 3 && asked[0]! <= 6, asked[1]! <= 8, asked[2]],
    [true, true, 0],
    asked.join(', '),
  );
  assert.deepEqual(pair.faults, []);
});

test('both sides may begin at once, and packets of the beginning may be lost', () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const pair = new ChannelPair({ loss: 0.4 }, seed);
    const mine = pair.device.create({ label: 'mine', ...RELIABLE });
    const yours = pair.viewer.create({ label: 'yours', ...RELIABLE });
    mine.send('hello');
    pair.until(() => pair.atDevice.length === 1 && pair.atViewer.length === 1);
    assert.deepEqual(
      [yours.label, pair.atDevice[0]!.label, pair.atViewer[0]!.label],
      ['yours', 'yours', 'mine'],
    );
  }
});

test('the end of an association closes the channels of both sides', () => {
  const pair = new ChannelPair();
  const { near, far } = open(pair, 'viewer');
  const closed: string[] = [];
  near.onClose = () => closed.push('near');
  far.onClose = () => closed.push('far');
  pair.viewer.close();
  pair.until(() => closed.length === 2);
  assert.deepEqual(pair.faults, ['closed', 'aborted by the peer']);
});

test('a flood of small messages is slowed down', () => {
  const pair = new ChannelPair();
  const { near, far } = open(pair, 'viewer');
  let received = 0;
  far.onMessage = () => (received += 1);
  pump(near, numbered(30_000, 10));
  pair.clock.advance(1_000);
  assert.ok(received < 8_000, `${received} messages in the first second`);
  pair.until(() => received === 30_000, 60_000);
});

test('a flood is taken evenly: others do not wait for a burst of it', () => {
  const pair = new ChannelPair({ latencyMs: 1 });
  const { near, far } = open(pair, 'viewer');
  const steps: number[] = [];
  far.onMessage = (message) => {
    steps[steps.length - 1]! += 1;
    far.send(message);
  };
  for (let i = 0; i < 400; i += 1) {
    steps.push(0);
    for (let sent = 0; sent < 100; sent += 1) near.send('a message of a viewer that does not stop');
    pair.clock.advance(10);
  }
  const later = steps.slice(200);
  assert.ok(Math.max(...later) < 150, `${Math.max(...later)} messages in 10 ms`);
  assert.ok(later.reduce((a, b) => a + b) > 200 * 40);
});

test('10 000 mutated packets', () => fuzzSctp(10_000, 20_260_101));
