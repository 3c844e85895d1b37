import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOT_RECEIVED } from '../../../src/rtp/rtcp-types.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import type { SrtpProfile } from '../../../src/rtp/srtp-keys.ts';
import { frameNumbers, range, RTX, TestCamera, watch, type Watching } from './sender-setup.ts';

const PROFILES: readonly SrtpProfile[] = ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'];

/** A random source whose first sequence number lies just below a rollover. */
function randomStartingAt(sequence: number) {
  return { float: Math.random, uint32: () => ((systemRandom.uint32() & ~0x7fff) | sequence) >>> 0 };
}

function nack({ sender }: Watching, missing: readonly number[]): void {
  for (const index of missing) sender.onNack(sender.ssrc, index & 0xffff, 0);
}

for (const { profile, rtxOff } of [
  { profile: 'AES_CM_128_HMAC_SHA1_80', rtxOff: false },
  { profile: 'AEAD_AES_128_GCM', rtxOff: true },
] as const) {
  test(`${profile}, ${rtxOff ? 'plain' : 'RTX'}: every lost packet is repaired, also across rollovers`, () => {
    const camera = new TestCamera({ historyBytes: 2 ** 30 });
    const watching = watch(camera, { rtxOff, random: randomStartingAt(0x7ff0) }, { profile });
    const { viewer, sender } = watching;
    let x = 1;
    viewer.arrives = () => (x = (x * 48_271) % 0x7fff_ffff) % 100 >= 20;
    sender.start();
    // 36 000 packets in large frames: enough for the sequence number to roll over.
    for (let i = 0; i < 70; i++) {
      camera.capture(i === 0, 600_000);
      for (let round = 0; viewer.missing().length > 0 && round < 50; round++) {
        nack(watching, viewer.missing());
        camera.clock.advance(100);
      }
      assert.equal(viewer.missing().length, 0);
    }
    viewer.arrives = () => true;
    camera.gop(5);
    assert.ok(viewer.highest > 65_536);
    assert.equal(viewer.refused, 0);
    assert.ok(sender.stats().retransmittedPackets > 5000);
    const received = viewer.frames();
    assert.ok(received.length >= camera.units.length - 1);
    for (const { data } of received) assert.ok(camera.units.some((unit) => unit.equals(data)));
  });
}

for (const profile of PROFILES) {
  test(`${profile}: a packet repeated without RTX is the same bytes`, () => {
    const camera = new TestCamera();
    const { viewer, sender } = watch(camera, { rtxOff: true }, { profile });
    sender.start();
    camera.gop(10);
    const first = viewer.datagrams[3]!;
    sender.onNack(sender.ssrc, first.readUInt16BE(2), 0);
    assert.deepEqual(viewer.datagrams.at(-1), first);
  });
}

test('a NACK names up to 17 packets', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(10);
  const [first] = viewer.packets.keys();
  sender.onNack(sender.ssrc, first! & 0xffff, 0b1000_0000_0000_0101);
  assert.deepEqual(viewer.repaired, [first, first! + 1, first! + 3, first! + 16]);
  const rtx = viewer.datagrams.at(-1)!;
  assert.equal(rtx[1]! & 0x7f, RTX);
  assert.equal(rtx.readUInt32BE(8), sender.rtxSsrc);
});

test('the same packet is repeated once a round trip however often it is asked for', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(1);
  const [first] = viewer.packets.keys();
  for (let ms = 0; ms < 100; ms++) {
    sender.onNack(sender.ssrc, first! & 0xffff, 0);
    camera.clock.advance(1);
  }
  assert.equal(viewer.repaired.length, 5);
});

test('a repetition goes twice, a little apart, unless the link is full', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(1);
  const [first, second] = viewer.packets.keys();
  sender.setLink(200, 0.1);
  nack({ viewer, sender }, [first!]);
  camera.clock.advance(10);
  sender.setLink(0, 0.01);
  nack({ viewer, sender }, [second!]);
  assert.deepEqual(viewer.repaired, [first, second]);
  camera.clock.advance(10);
  assert.deepEqual(viewer.repaired, [first, second, second]);
});

/** Says of the packets sent under these transport-wide sequence numbers that they are lost; the others arrived. */
function reportLost({ sender }: Watching, lost: readonly number[]): void {
  const count = Math.max(...lost) + 1;
  const arrivals = Int32Array.from({ length: count }, (_, i) => (lost.includes(i) ? NOT_RECEIVED : i));
  const feedback = {
    senderSsrc: 1,
    mediaSsrc: sender.ssrc,
    baseSequence: 0,
    referenceTime: 0,
    feedbackCount: 0,
  };
  sender.onTransportFeedback({ ...feedback, count, arrivals });
}

test('a burst that is to tell of the link repeats what is kept, else holds nothing', () => {
  const camera = new TestCamera({ historyMs: 200 });
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(1);
  const newest = viewer.highest;
  assert.ok(sender.pad(2000) >= 2000);
  assert.deepEqual(viewer.repaired, [newest, newest - 1]);
  sender.pause();
  camera.gop(10);
  camera.gop(10);
  const before = viewer.datagrams.length;
  assert.ok(sender.pad(2000) >= 2000);
  assert.equal(viewer.datagrams.length - before, 7);
  assert.ok(viewer.datagrams.at(-1)![0]! & 0x20, 'padding');
  assert.equal(viewer.refused, 0);
  assert.equal(viewer.repaired.length, 2);
});

test('a packet that feedback tells is lost is repeated without a NACK, and its repetition too', () => {
  const camera = new TestCamera();
  const watching = watch(camera);
  const { viewer, sender } = watching;
  sender.start();
  camera.gop(1);
  const sent = viewer.datagrams.length;
  const [first] = viewer.packets.keys();
  reportLost(watching, [0]);
  assert.deepEqual(viewer.repaired, [first]);
  reportLost(watching, [0]);
  assert.deepEqual(viewer.repaired, [first], 'one is on its way');
  reportLost(watching, [sent]);
  assert.deepEqual(viewer.repaired, [first, first], 'that one is lost');
  reportLost(watching, [sent]);
  assert.deepEqual(viewer.repaired, [first, first]);
});

test('of a repetition that went twice, one may be lost', () => {
  const camera = new TestCamera();
  const watching = watch(camera);
  const { viewer, sender } = watching;
  sender.start();
  sender.setLink(0, 0);
  camera.gop(1);
  const sent = viewer.datagrams.length;
  const [first] = viewer.packets.keys();
  nack(watching, [first!]);
  camera.clock.advance(10);
  reportLost(watching, [0, sent]);
  assert.deepEqual(viewer.repaired, [first, first]);
  reportLost(watching, [sent + 1]);
  camera.clock.advance(10);
  assert.deepEqual(viewer.repaired, [first, first, first, first]);
});

test('a packet whose repetitions get lost again and again is given up for a replay', () => {
  const camera = new TestCamera();
  const watching = watch(camera);
  const { viewer, sender } = watching;
  sender.start();
  sender.setLink(0, 0);
  camera.gop(5);
  const sent = viewer.datagrams.length;
  const [first] = viewer.packets.keys();
  for (const lost of [[0], [sent, sent + 1], [sent + 2, sent + 3]]) {
    assert.equal(sender.stats().replays, 0);
    reportLost(watching, lost);
    camera.clock.advance(10);
  }
  assert.deepEqual(viewer.repaired, [first, first, first, first]);
  assert.equal(sender.stats().unrepairablePackets, 1);
  camera.clock.advance(100);
  assert.deepEqual(frameNumbers(viewer).slice(-6), range(1, 6));
  reportLost(watching, [sent + 3]);
  assert.equal(viewer.repaired.length, 4, 'feedback brings no more repetitions');
  nack(watching, [first!]);
  assert.equal(viewer.repaired.length, 5, 'a NACK does');
});

test('a storm of NACKs cannot make it send more than its rate', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera, { paceKbps: 1000 });
  sender.start();
  camera.capture(true, 1_000_000);
  const before = viewer.datagrams.length;
  for (let second = 0; second < 2; second++) {
    nack({ viewer, sender }, [...viewer.packets.keys()]);
    camera.clock.advance(1000);
  }
  const bytes = viewer.datagrams.slice(before).reduce((sum, datagram) => sum + datagram.length, 0);
  assert.ok(bytes < 1.1 * (256 * 1024 + 125_000), `${bytes} bytes`);
});

test('a lost packet that is forgotten brings a replay', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.capture(true, 500);
  for (let i = 0; i < 1100; i++) camera.capture(false, 100);
  const [first] = viewer.packets.keys();
  nack({ viewer, sender }, [first!]);
  camera.clock.advance(100);
  assert.equal(sender.stats().unrepairablePackets, 1);
  assert.deepEqual(frameNumbers(viewer).slice(-1101), range(1, 1101));
});

test('a forgotten packet brings no replay where a key frame came after it, or the GOP is damaged', () => {
  const camera = new TestCamera({ historyMs: 200 });
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(10);
  const beforeKeyframe = viewer.highest;
  camera.gop(30);
  nack({ viewer, sender }, [beforeKeyframe]);
  assert.equal(sender.stats().replays, 0, 'the key frame is on its way already');
  const inGop = viewer.highest;
  camera.stream.markDamaged();
  for (let i = 0; i < 40; i++) camera.capture();
  nack({ viewer, sender }, [inGop]);
  assert.equal(sender.stats().unrepairablePackets, 2);
  assert.equal(sender.stats().replays, 0, 'damaged');
  camera.gop(1);
  assert.equal(sender.stats().replays, 0, 'the key frame served it');
});

test('packets that were never sent are not looked for', () => {
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera);
  sender.start();
  camera.gop(1);
  const [first] = viewer.packets.keys();
  sender.onNack(sender.ssrc, (first! - 1) & 0xffff, 0);
  sender.onNack(sender.ssrc, (first! + 1000) & 0xffff, 0);
  assert.equal(sender.stats().nackedPackets, 0);
  assert.equal(sender.stats().replays, 0);
});
