import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MediaStream } from '../../../src/rtp/media-stream.ts';
import { Pacer } from '../../../src/rtp/pacer.ts';
import { TransportSequence, type PacketTransport } from '../../../src/rtp/packet-output.ts';
import { packetize } from '../../../src/rtp/packetizer.ts';
import { PayloadMemory } from '../../../src/rtp/payload-memory.ts';
import { parseRtcp } from '../../../src/rtp/rtcp-parse.ts';
import { RtpSender } from '../../../src/rtp/rtp-sender.ts';
import { deriveSessionKeys, saltBytes, type SrtpKeys, type SrtpProfile } from '../../../src/rtp/srtp-keys.ts';
import { SrtpSender } from '../../../src/rtp/srtp-sender.ts';
import { SrtcpContext } from '../../../src/rtp/srtcp.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { LossyReceiver } from './support/lossy-receiver.ts';

const RECEIVERS = 10;
const LOSS = 0.05;
const VIDEO = 96;
const RTX = 97;
const FRAME_BYTES = 40_000;
const UNPACED_KBPS = 1e9;
/** Watched around the rollover only, for time; fewer packets than SRTP's replay window is long. */
const WATCHED_FROM = 65_536 - 400;
const WATCHED_TO = 65_536 + 500;

interface Path extends PacketTransport {
  watched: boolean;
  /** Extended sequence numbers: of the next packet, and of the last one that went out while watched. */
  next: number;
  lastWatched: number;
  close(): void;
}

/** A sender and, behind a UDP socket, its receiver. */
interface Link {
  sender: RtpSender;
  receiver: LossyReceiver;
  path: Path;
}

function newKeys(profile: SrtpProfile): SrtpKeys {
  return { profile, masterKey: randomBytes(16), masterSalt: randomBytes(saltBytes(profile)) };
}

async function openLink(stream: MediaStream, profile: SrtpProfile, number: number): Promise<Link> {
  const keys = { remote: newKeys(profile), local: newKeys(profile) };
  const ssrc = systemRandom.uint32();
  // The others get the packet itself once more.
  const rtx = number % 2 === 0 ? RTX : undefined;
  const receiver = await LossyReceiver.open({ keys, ssrc, rtxPayloadType: rtx, loss: LOSS });
  const socket = createSocket('udp4');
  socket.connect(receiver.port, '127.0.0.1');
  await once(socket, 'connect');
  const path: Path = {
    watched: false,
    next: -1,
    lastWatched: -1,
    send: (packet) => {
      const header = Buffer.from(packet.buffer, packet.byteOffset, 12);
      const sequence = header.readUInt16BE(2);
      const index = path.next < 0 ? sequence : path.next + (((sequence - path.next) << 16) >> 16);
      const isRepair = header.readUInt32BE(8) !== ssrc || index < path.next;
      if (!isRepair) {
        path.next = index + 1;
        if (path.watched) path.lastWatched = index;
      }
      // A repair is an old number, or of another SSRC.
      if (path.watched || isRepair) socket.send(packet);
    },
    busy: () => socket.getSendQueueCount() > 0,
    close: () => socket.close(),
  };
  const sender = new RtpSender(stream, {
    clock: systemClock,
    random: systemRandom,
    transport: {
      packets: path,
      srtp: new SrtpSender(keys.remote),
      transportSequence: new TransportSequence(),
      // What is pushed leaves at once: the loop gives the pacer no time.
      pacer: new Pacer(systemClock, UNPACED_KBPS),
    },
    payloadType: VIDEO,
    cname: 'camera',
    ssrc,
    extensions: { mid: { id: 3, value: '0' }, transportSequence: { id: 5 } },
    ...(rtx === undefined ? {} : { rtx: { payloadType: rtx } }),
  });
  const rtcp = new SrtcpContext(deriveSessionKeys(keys.local, 'rtcp'));
  socket.on('message', (packet) => {
    const plain = rtcp.unprotect(packet);
    assert.ok(plain && parseRtcp(plain, sender), 'an RTCP packet of werift is understood');
  });
  return { sender, receiver, path };
}

for (const profile of ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'] as const) {
  describe(profile, () => {
    test('ten receivers get every payload as it was cut, over the rollover, through 5 % loss', async (t) => {
      const stream = new MediaStream({ codec: 'h264', clock: systemClock });
      const links = await Promise.all(
        Array.from({ length: RECEIVERS }, (_, number) => openLink(stream, profile, number)),
      );
      const cut: Buffer[] = [];
      try {
        let keyframe = true;
        for (const { sender } of links) sender.start();
        // Every sender begins at a number of its own below 2¹⁵.
        while (links.some(({ path }) => path.next < WATCHED_TO)) {
          const unit = accessUnit(keyframe);
          cut.push(...payloadsOf(unit));
          stream.push({ codec: 'h264', data: unit, captureTimeMs: systemClock.now(), keyframe });
          keyframe = false;
          const over = links.filter(({ path }) => path.watched && path.next >= WATCHED_TO);
          for (const link of links)
            link.path.watched = link.path.next >= WATCHED_FROM && link.path.next < WATCHED_TO;
          if (links.some(({ path }) => path.watched)) await nextTurn();
          await Promise.all(over.map(({ path, receiver }) => receiver.complete(path.lastWatched)));
        }
      } finally {
        for (const { sender, receiver, path } of links) {
          path.watched = false;
          sender.close();
          receiver.close();
          path.close();
        }
      }
      const sum = (pick: (receiver: LossyReceiver) => number) =>
        links.reduce((total, { receiver }) => total + pick(receiver), 0);
      t.diagnostic(
        `${sum(({ payloads }) => payloads.size)} payloads, ${sum(({ dropped }) => dropped)} datagrams lost, ` +
          `${sum(({ repaired }) => repaired)} repaired over RTX`,
      );
      for (const { sender, receiver, path } of links) {
        const indices = [...receiver.payloads.keys()];
        const [first, last] = [Math.min(...indices), Math.max(...indices)];
        assert.ok(first < 65_536 && last > 65_536);
        assert.equal(indices.length, last - first + 1);
        for (const [index, payload] of receiver.payloads)
          assert.ok(cut[cut.length - (path.next - index)]?.equals(payload), `payload ${index} differs`);
        assert.ok(receiver.dropped > 0);
        assert.equal(sender.stats().unrepairablePackets, 0);
      }
      assert.ok(sum(({ repaired }) => repaired) > 0);
    });
  });
}

function accessUnit(keyframe: boolean): Buffer {
  const unit = randomBytes(FRAME_BYTES);
  // No start code may stand in it by chance.
  for (let i = 0; i < unit.length; i++) unit[i] ||= 1;
  unit.writeUInt32BE(1);
  unit[4] = keyframe ? 0x65 : 0x41;
  return unit;
}

function payloadsOf(unit: Buffer): Buffer[] {
  const { block, count, starts, lengths } = packetize('h264', unit, new PayloadMemory());
  return Array.from({ length: count }, (_, i) => {
    const start = starts[i] ?? 0;
    return block.data.subarray(start, start + (lengths[i] ?? 0));
  });
}
