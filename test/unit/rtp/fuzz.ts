import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buildGoodbye, buildReceiverReport, buildSenderReport } from '../../../src/rtp/rtcp-build.ts';
import { parseRtcp } from '../../../src/rtp/rtcp-parse.ts';
import type { RtcpHandler } from '../../../src/rtp/rtcp-types.ts';
import { deriveSessionKeys, saltBytes, type SrtpProfile } from '../../../src/rtp/srtp-keys.ts';
import { SrtcpContext } from '../../../src/rtp/srtcp.ts';
import { SrtpReceiver } from '../../../src/rtp/srtp-receiver.ts';
import { SrtpSender } from '../../../src/rtp/srtp-sender.ts';
import { mutate, randomIntegers } from '../../support/mutate.ts';
import { protectOne, rtpHeader } from './protect-one.ts';
import { TestCamera, watch } from './sender-setup.ts';

const PROFILES: readonly SrtpProfile[] = ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'];

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

const BLOCK = {
  ssrc: 9,
  fractionLost: 1,
  cumulativeLost: 2,
  highestSequence: 3,
  jitter: 4,
  lastSenderReport: 5,
  delaySinceLastSenderReport: 6,
};

const RTCP: readonly Buffer[] = [
  buildSenderReport({ ssrc: 1, wallClockMs: 1, rtpTimestamp: 2, packets: 3, octets: 4 }, 'cname'),
  buildReceiverReport(1, [BLOCK, BLOCK], 'cname'),
  buildGoodbye([1, 2, 3], 'cname'),
  hex('81cd0004 00000001 0000abcd 00058001 ffff0000 81ce0002 00000001 0000abcd'),
  hex('84ce0004 00000001 00000000 0000abcd 07000000 8fce0005 00000001 00000000 52454d42 010bffff 0000abcd'),
  hex('8fcd0007 00000001 00000002 0010000c 00000109 2004d555 01020304 00050006 00070008'),
];

function check(...numbers: number[]): void {
  for (const number of numbers) assert.ok(Number.isFinite(number));
}

/** Reads everything that is handed over; fails where a number is not one. */
function readAll(): RtcpHandler {
  return {
    onSenderReport: (ssrc, ntp, rtp) => check(ssrc, Number(ntp), rtp),
    onReportBlock: (ssrc, block) => check(ssrc, ...Object.values(block)),
    onGoodbye: check,
    onNack: check,
    onPictureLoss: check,
    onFullIntraRequest: check,
    onReceiverEstimate: check,
    onTransportFeedback: (feedback) => {
      assert.ok(feedback.count <= feedback.arrivals.length);
      check(
        feedback.baseSequence,
        feedback.referenceTime,
        ...feedback.arrivals.subarray(0, Math.min(8, feedback.count)),
      );
    },
  };
}

/** Random and mutated RTCP: nothing is thrown. */
export function fuzzRtcp(count: number, seed: number): void {
  const random = randomIntegers(seed);
  const handler = readAll();
  let valid = 0;
  for (let i = 0; i < count; i++) {
    const from = RTCP[random(RTCP.length)]!;
    const packet = random(10) === 0 ? randomBytes(random(200)) : mutate(from, random);
    if (parseRtcp(packet, handler)) valid += 1;
  }
  assert.ok(valid > count / 100 && valid < count, `${valid} of ${count} were valid`);
}

/** NACKs, PLIs and FIRs of any kind at a running sender: bounded output, and the stream goes on. */
export function fuzzFeedback(count: number, seed: number): void {
  const random = randomIntegers(seed);
  const camera = new TestCamera();
  const { viewer, sender } = watch(camera, { paceKbps: 1000 });
  let bytes = 0;
  viewer.send = (datagram) => {
    bytes += datagram.length;
  };
  sender.start();
  for (let i = 0; i < count; i++) {
    const ssrc = random(4) === 0 ? random(2 ** 31) : sender.ssrc;
    const kind = random(20);
    if (kind === 0) sender.onPictureLoss(ssrc);
    else if (kind === 1) sender.onFullIntraRequest(ssrc, random(256));
    else if (kind === 2) sender.onReportBlock(1, { ...BLOCK, ssrc, lastSenderReport: random(2 ** 31) });
    else sender.onNack(ssrc, random(65_536), random(65_536));
    if (i % 500 === 0) camera.capture(i % 10_000 === 0);
  }
  const mediaBytes = camera.units.reduce((sum, unit) => sum + unit.length, 0);
  const seconds = camera.clock.monotonic() / 1000;
  assert.ok(
    bytes < 1.3 * (mediaBytes + 300_000 + 2 * 125_000 * seconds),
    `${bytes} bytes for ${mediaBytes} of media`,
  );
}

/** Mutated and repeated packets at a receiver: only what was really sent is accepted, each once. */
export function fuzzSrtp(count: number, seed: number): void {
  const random = randomIntegers(seed);
  for (const profile of PROFILES) {
    const keys = { profile, masterKey: randomBytes(16), masterSalt: randomBytes(saltBytes(profile)) };
    const sender = new SrtpSender(keys);
    const receiver = new SrtpReceiver(keys);
    const rtcpIn = new SrtcpContext(deriveSessionKeys(keys, 'rtcp'));
    const sent: { packet: Buffer; payload: Buffer; accepted: boolean }[] = [];
    for (let i = 0; i < count / 4; i++) {
      const payload = randomBytes(random(60));
      const header = rtpHeader(i % 65_536, 1 + (i % 3));
      sent[i % 64] = {
        packet: protectOne(sender, header, payload, Math.floor(i / 65_536)),
        payload,
        accepted: false,
      };
      const chosen = sent[random(sent.length)]!;
      const genuine = random(3) === 0;
      const packet = genuine ? chosen.packet : mutate(chosen.packet, random);
      const plain = receiver.unprotect(packet);
      if (plain === undefined) continue;
      assert.ok(!chosen.accepted && packet.equals(chosen.packet), 'a forged packet or a replay was accepted');
      assert.deepEqual(plain.subarray(12), chosen.payload);
      chosen.accepted = true;
    }
    fuzzSrtcp(sender, rtcpIn, count / 4, random);
  }
}

function fuzzSrtcp(
  sender: SrtpSender,
  receiver: SrtcpContext,
  count: number,
  random: (below: number) => number,
): void {
  const accepted = new Set<string>();
  let packet = sender.protectRtcp(RTCP[0]!);
  for (let i = 0; i < count; i++) {
    if (i % 8 === 0) packet = sender.protectRtcp(RTCP[random(RTCP.length)]!);
    const arrived = random(4) === 0 ? packet : mutate(packet, random);
    if (receiver.unprotect(arrived) === undefined) continue;
    const text = arrived.toString('hex');
    assert.ok(arrived.equals(packet) && !accepted.has(text), 'a forged packet or a replay was accepted');
    accepted.add(text);
  }
}
