/**
 * CPU per packet of the send path: ten viewers of one 2.5 Mbps, 30 fps camera (or the rate given), for both SRTP
 * profiles, with a transport that drops the packets and with a connected UDP socket of each viewer.
 *
 * node test/bench/rtp-send.ts [--seconds N] [--kbps N] [--only drop|udp] [--profile cm|gcm]
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { MediaStream } from '../../src/rtp/media-stream.ts';
import { Pacer } from '../../src/rtp/pacer.ts';
import { TransportSequence, type PacketTransport } from '../../src/rtp/packet-output.ts';
import { RtpSender } from '../../src/rtp/rtp-sender.ts';
import { saltBytes, type SrtpProfile } from '../../src/rtp/srtp-keys.ts';
import { SrtpSender } from '../../src/rtp/srtp-sender.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';

const VIEWERS = 10;
const FPS = 30;
const GOP_FRAMES = 60;
const WARM_UP_SHARE = 0.25;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    kbps: { type: 'string', default: '2500' },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});
const kbps = Number(values.kbps);

interface Link extends PacketTransport {
  close(): void;
}

/** Where the packets end: nowhere, or in the kernel. */
interface Wire {
  name: string;
  open(): Promise<Link>;
  close(): void;
}

const dropping: Wire = {
  name: 'drop',
  open: async () => ({ send: () => {}, busy: () => false, close: () => {} }),
  close: () => {},
};

async function udpWire(): Promise<Wire> {
  // Never read: the kernel drops what does not fit, which costs the sender the same.
  const sink = createSocket('udp4');
  sink.bind(0, '127.0.0.1');
  await once(sink, 'listening');
  sink.setRecvBufferSize(4096);
  const { port } = sink.address();
  sink.unref();
  return {
    name: 'udp',
    async open() {
      const socket: Socket = createSocket('udp4');
      socket.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return {
        send: (packet) => socket.send(packet),
        busy: () => socket.getSendQueueCount() > 0,
        close: () => socket.close(),
      };
    },
    close: () => sink.close(),
  };
}

/** One access unit of a slice with random content; key frames are five times as large. */
function accessUnits(): Buffer[] {
  const perFrame = (kbps * 1000) / 8 / FPS;
  const delta = (perFrame * GOP_FRAMES) / (GOP_FRAMES + 4);
  return Array.from({ length: GOP_FRAMES }, (_, i) => {
    const body = randomBytes(Math.round(i === 0 ? 5 * delta : delta)).map((byte) => byte | 1);
    return Buffer.concat([Buffer.from([0, 0, 0, 1, i === 0 ? 0x65 : 0x41]), body]);
  });
}

/** Of all runs, their warm-up too. */
let packetsInAll = 0;

/** Microseconds of this process's CPU time for each packet. */
async function measure(profile: SrtpProfile, wire: Wire): Promise<number> {
  const stream = new MediaStream({ codec: 'h264', clock: systemClock });
  const links = await Promise.all(Array.from({ length: VIEWERS }, () => wire.open()));
  const senders = links.map((packets) => {
    const masterSalt = randomBytes(saltBytes(profile));
    return new RtpSender(stream, {
      clock: systemClock,
      random: systemRandom,
      transport: {
        packets,
        srtp: new SrtpSender({ profile, masterKey: randomBytes(16), masterSalt }),
        transportSequence: new TransportSequence(),
        // Frames come faster than in real time.
        pacer: new Pacer(systemClock, 1e9),
      },
      payloadType: 96,
      cname: 'bench',
      rtx: { payloadType: 97 },
      extensions: { mid: { id: 1, value: '0' }, transportSequence: { id: 2 } },
    });
  });
  for (const sender of senders) sender.start();
  const units = accessUnits();
  const frames = Number(values.seconds) * FPS;
  const warmUp = Math.round(frames * WARM_UP_SHARE);
  let before = { cpuUs: 0, packets: 0 };
  for (let i = 0; i < frames + warmUp; i++) {
    if (i === warmUp) before = count(senders);
    const data = units[i % GOP_FRAMES]!;
    stream.push({ codec: 'h264', data, captureTimeMs: Date.now(), keyframe: i % GOP_FRAMES === 0 });
    await nextTurn();
  }
  const after = count(senders);
  for (const sender of senders) sender.pause();
  for (const link of links) link.close();
  packetsInAll += after.packets;
  return (after.cpuUs - before.cpuUs) / (after.packets - before.packets);
}

function count(senders: readonly RtpSender[]): { cpuUs: number; packets: number } {
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, packets: senders.reduce((sum, sender) => sum + sender.stats().packets, 0) };
}

const wires = [dropping, await udpWire()].filter(({ name }) => !values.only || name === values.only);
const profiles = (['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'] as const).filter(
  (profile) => !values.profile || profile.includes(`_${values.profile.toUpperCase()}_`),
);
for (const profile of profiles) {
  for (const wire of wires) {
    const runs: number[] = [];
    for (let run = 0; run < 3; run++) runs.push(await measure(profile, wire));
    const median = runs.toSorted((a, b) => a - b)[1]!;
    const text = runs.map((us) => us.toFixed(2)).join(' ');
    process.stdout.write(`${profile} ${wire.name}: ${median.toFixed(2)} µs a packet (${text})\n`);
  }
}
const { user, system } = process.cpuUsage();
const seconds = (us: number) => `${(us / 1e6).toFixed(2)} s`;
process.stdout.write(
  `${packetsInAll} packets in all, CPU: user ${seconds(user)}, system ${seconds(system)}\n`,
);
for (const wire of wires) wire.close();
