import * as type from './rtcp-types.ts';
import type { ReportBlock } from './rtcp-types.ts';

const VERSION_2 = 0x80;
/** Seconds from 1900 (NTP) to 1970. */
const NTP_EPOCH_SECONDS = 2_208_988_800;
const CNAME = 1;

/** What a sender report says (RFC 3550 section 6.4.1). */
export interface SenderReport {
  ssrc: number;
  /** Wall clock, epoch milliseconds with a fraction. */
  wallClockMs: number;
  /** The RTP timestamp of that very moment. */
  rtpTimestamp: number;
  packets: number;
  /** Payload bytes, without headers and padding. */
  octets: number;
}

/** 64-bit NTP time (seconds since 1900 and their fraction in 2⁻³² s) of epoch milliseconds. */
export function ntpTime(epochMs: number): { seconds: number; fraction: number } {
  const seconds = Math.floor(epochMs / 1000);
  const fraction = Math.floor(((epochMs - seconds * 1000) / 1000) * 2 ** 32);
  return { seconds: (seconds + NTP_EPOCH_SECONDS) % 2 ** 32, fraction };
}

/** Middle 32 bits of the NTP time, in 1/65536 s: what report blocks repeat (RFC 3550 section 4). */
export function compactNtpTime(epochMs: number): number {
  const { seconds, fraction } = ntpTime(epochMs);
  return (seconds % 65_536) * 65_536 + (fraction >>> 16);
}

/** Sender report followed by the SDES with the CNAME, as each compound packet needs. */
export function buildSenderReport(report: SenderReport, cname: string): Buffer {
  const packet = Buffer.alloc(28);
  const { seconds, fraction } = ntpTime(report.wallClockMs);
  writeHeader(packet, 0, type.SENDER_REPORT);
  packet.writeUInt32BE(report.ssrc, 4);
  packet.writeUInt32BE(seconds, 8);
  packet.writeUInt32BE(fraction, 12);
  packet.writeUInt32BE(report.rtpTimestamp, 16);
  packet.writeUInt32BE(report.packets % 2 ** 32, 20);
  packet.writeUInt32BE(report.octets % 2 ** 32, 24);
  return Buffer.concat([packet, buildDescription(report.ssrc, cname)]);
}

/** Receiver report on the given sources (at most 31), followed by the SDES. */
export function buildReceiverReport(ssrc: number, blocks: readonly ReportBlock[], cname: string): Buffer {
  const packet = Buffer.alloc(8 + 24 * blocks.length);
  writeHeader(packet, blocks.length, type.RECEIVER_REPORT);
  packet.writeUInt32BE(ssrc, 4);
  blocks.forEach((block, i) => {
    const at = 8 + 24 * i;
    packet.writeUInt32BE(block.ssrc, at);
    packet[at + 4] = block.fractionLost;
    packet.writeIntBE(block.cumulativeLost, at + 5, 3);
    packet.writeUInt32BE(block.highestSequence, at + 8);
    packet.writeUInt32BE(block.jitter, at + 12);
    packet.writeUInt32BE(block.lastSenderReport, at + 16);
    packet.writeUInt32BE(block.delaySinceLastSenderReport, at + 20);
  });
  return Buffer.concat([packet, buildDescription(ssrc, cname)]);
}

/** Empty receiver report, SDES and BYE (RFC 3550 section 6.6) for the SSRCs of one participant, at least one. */
export function buildGoodbye(ssrcs: readonly number[], cname: string): Buffer {
  const packet = Buffer.alloc(4 + 4 * ssrcs.length);
  writeHeader(packet, ssrcs.length, type.GOODBYE);
  ssrcs.forEach((ssrc, i) => packet.writeUInt32BE(ssrc, 4 + 4 * i));
  return Buffer.concat([buildReceiverReport(ssrcs[0] ?? 0, [], cname), packet]);
}

/** SDES with one CNAME item (RFC 3550 section 6.5.1); `cname` is at most 255 bytes. */
function buildDescription(ssrc: number, cname: string): Buffer {
  const text = Buffer.from(cname);
  // The item list ends with at least one zero byte and fills a whole word.
  const packet = Buffer.alloc(8 + ((2 + text.length + 4) & ~3));
  writeHeader(packet, 1, type.SOURCE_DESCRIPTION);
  packet.writeUInt32BE(ssrc, 4);
  packet[8] = CNAME;
  packet[9] = text.length;
  text.copy(packet, 10);
  return packet;
}

function writeHeader(packet: Buffer, count: number, packetType: number): void {
  packet[0] = VERSION_2 | count;
  packet[1] = packetType;
  packet.writeUInt16BE(packet.length / 4 - 1, 2);
}
