/**
 * CPU that estimator, pacer and feedback cost for each packet sent: the same load with transport-wide feedback and without,
 * interleaved. Exits with 1 above 2 µs.
 *   node test/bench/adapt-cost.ts [rounds]
 */
import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ViewerLink } from '../../src/webrtc/viewer-link.ts';
import { MediaStream } from '../../src/rtp/media-stream.ts';
import { Pacer } from '../../src/rtp/pacer.ts';
import { TransportSequence } from '../../src/rtp/packet-output.ts';
import { parseRtcp } from '../../src/rtp/rtcp-parse.ts';
import type { TransportFeedback } from '../../src/rtp/rtcp-types.ts';
import { RtpSender } from '../../src/rtp/rtp-sender.ts';
import { SrtpSender } from '../../src/rtp/srtp-sender.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { buildTransportFeedback } from './support/transport-feedback.ts';

const VIEWERS = 10;
const FRAMES = 900;
const WARM_UP = 300;
const FRAME_BYTES = 10_400;
const FRAME_MS = 33;
/** A browser sends 10 to 20 a second: one in two frames. */
const FEEDBACK_EVERY = 2;
const BOUND_US = 2;
const ROUNDS = Number(process.argv[2] ?? 7);

const unit = Buffer.concat([
  Buffer.from([0, 0, 0, 1, 0x41]),
  randomBytes(FRAME_BYTES).map((byte) => byte | 1),
]);
const keyframe = Buffer.from(unit);
keyframe[4] = 0x65;

/** What feedback is built from; the same in both kinds of run, so that only its use differs. */
interface Seen {
  base: number;
  arrivalsMs: number[];
}

/** Microseconds of CPU for each packet. */
async function measure(adapting: boolean): Promise<number> {
  // Time passes as it would at 30 fps, without the wait for it.
  const clock = new SimulatedClock();
  const stream = new MediaStream({ codec: 'h264', clock });
  const user = {
    wish: () => ({ usefulKbps: 2800, wanted: false }),
    pad: () => 0,
    ask: () => {},
    onEstimate: () => {},
  };
  const seen: Seen[] = [];
  const links: ViewerLink[] = [];
  const senders = Array.from({ length: VIEWERS }, (_, i) => {
    const link = new ViewerLink(clock, user, undefined);
    const mine: Seen = { base: 0, arrivalsMs: [] };
    links.push(link);
    seen.push(mine);
    return new RtpSender(stream, {
      clock,
      random: systemRandom,
      transport: {
        packets: { send: () => mine.arrivalsMs.push(clock.monotonic() + 5 + i), busy: () => false },
        srtp: new SrtpSender({
          profile: 'AES_CM_128_HMAC_SHA1_80',
          masterKey: randomBytes(16),
          masterSalt: randomBytes(14),
        }),
        transportSequence: new TransportSequence(),
        pacer: adapting ? link.pacer : new Pacer(clock),
        ...(adapting && { onSent: link.onSent }),
      },
      payloadType: 96,
      cname: 'bench',
      extensions: { mid: { id: 1, value: '0' }, transportSequence: { id: 2 } },
    });
  });
  for (const sender of senders) sender.start();
  let cpuUs = 0;
  let packets = 0;
  for (let i = 0; i < FRAMES + WARM_UP; i++) {
    const feedback = i % FEEDBACK_EVERY === 0 ? seen.map((mine) => report(mine, i)) : [];
    const before = process.cpuUsage();
    const captureTimeMs = clock.now();
    stream.push({ codec: 'h264', data: i === 0 ? keyframe : unit, captureTimeMs, keyframe: i === 0 });
    feedback.forEach((packet, viewer) => {
      const link = links[viewer]!;
      const sender = senders[viewer]!;
      const onTransportFeedback = (parsed: TransportFeedback) => {
        link.onTransportFeedback(parsed);
        sender.setLink(link.estimate.queueMs, link.estimate.loss);
        sender.onTransportFeedback(parsed);
      };
      if (adapting) parseRtcp(packet, { onTransportFeedback });
    });
    clock.advance(FRAME_MS);
    const { user: userUs, system } = process.cpuUsage(before);
    if (i === WARM_UP) packets = -count(senders);
    if (i >= WARM_UP) cpuUs += userUs + system;
    await nextTurn();
  }
  packets += count(senders);
  if (adapting && links.some(({ estimate }) => estimate.kbps === undefined))
    throw new Error('no estimate: the feedback did not reach the estimator');
  for (const sender of senders) sender.pause();
  for (const link of links) link.close();
  return cpuUs / packets;
}

function count(senders: readonly RtpSender[]): number {
  return senders.reduce((sum, sender) => sum + sender.stats().packets, 0);
}

function report(mine: Seen, number: number): Buffer {
  const packet = buildTransportFeedback({ sender: 1, media: 2 }, mine.base, mine.arrivalsMs, number & 0xff);
  mine.base = (mine.base + mine.arrivalsMs.length) & 0xffff;
  mine.arrivalsMs = [];
  return packet;
}

const costs: number[] = [];
await measure(true);
await measure(false);
for (let round = 0; round < ROUNDS; round++) {
  const on = await measure(true);
  const off = await measure(false);
  costs.push(on - off);
  process.stdout.write(`with ${on.toFixed(2)}, without ${off.toFixed(2)} µs a packet\n`);
}
const median = costs.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
process.stdout.write(`estimator, pacer and feedback: ${median.toFixed(2)} µs a packet (bound ${BOUND_US})\n`);
process.exitCode = median <= BOUND_US ? 0 : 1;
