import { parseTransportFeedback } from './rtcp-transport-feedback.ts';
import * as type from './rtcp-types.ts';
import type { ReportBlock, RtcpHandler } from './rtcp-types.ts';

const HEADER_BYTES = 4;
const REPORT_BLOCK_BYTES = 24;
const SENDER_INFO_BYTES = 20;
const NACK = 1;
const TRANSPORT_WIDE = 15;
const PICTURE_LOSS = 1;
const FULL_INTRA_REQUEST = 4;
const APPLICATION_LAYER = 15;
const REMB = 0x52_45_4d_42;

const reportBlock: ReportBlock = {
  ssrc: 0,
  fractionLost: 0,
  cumulativeLost: 0,
  highestSequence: 0,
  jitter: 0,
  lastSenderReport: 0,
  delaySinceLastSenderReport: 0,
};

/**
 * Reads a compound RTCP packet (reduced-size ones too, RFC 5506) from an untrusted peer. Packets of unknown type are
 * skipped, as RFC 3550 section 6.1 asks.
 *
 * @returns False where the lengths do not add up (then nothing was handed over) or a packet in it is malformed (then
 *   the others were handed over).
 */
export function parseRtcp(data: Buffer, handler: RtcpHandler): boolean {
  if (!isWellFormed(data)) return false;
  let valid = true;
  for (let at = 0; at < data.length;) {
    const next = at + packetBytes(data, at);
    if (!parsePacket(data, at, next - paddingBytes(data, at, next), handler)) valid = false;
    at = next;
  }
  return valid;
}

/** Whether the versions, lengths and paddings of all packets in the compound fit (RFC 3550 appendix A.2). */
function isWellFormed(data: Buffer): boolean {
  let at = 0;
  while (at + HEADER_BYTES <= data.length) {
    const next = at + packetBytes(data, at);
    if (data[at]! >>> 6 !== 2 || next > data.length) return false;
    const padding = paddingBytes(data, at, next);
    if (padding > next - at - HEADER_BYTES || ((data[at]! & 0x20) !== 0 && padding === 0)) return false;
    at = next;
  }
  return at === data.length && at > 0;
}

function packetBytes(data: Buffer, at: number): number {
  return 4 * (data.readUInt16BE(at + 2) + 1);
}

function paddingBytes(data: Buffer, at: number, end: number): number {
  return (data[at]! & 0x20) === 0 ? 0 : data[end - 1]!;
}

function parsePacket(data: Buffer, at: number, end: number, handler: RtcpHandler): boolean {
  const count = data[at]! & 0x1f;
  switch (data[at + 1]) {
    case type.SENDER_REPORT:
      return parseSenderReport(data, at, end, count, handler);
    case type.RECEIVER_REPORT:
      return end - at >= 8 && parseReportBlocks(data, data.readUInt32BE(at + 4), at + 8, end, count, handler);
    case type.GOODBYE:
      return parseGoodbye(data, at + HEADER_BYTES, end, count, handler);
    case type.TRANSPORT_FEEDBACK:
      return end - at >= 12 && parseTransportLayer(data, at, end, count, handler);
    case type.PAYLOAD_FEEDBACK:
      return end - at >= 12 && parsePayloadSpecific(data, at, end, count, handler);
    default:
      return true;
  }
}

function parseSenderReport(
  data: Buffer,
  at: number,
  end: number,
  count: number,
  handler: RtcpHandler,
): boolean {
  const blocks = at + 8 + SENDER_INFO_BYTES;
  if (end < blocks) return false;
  const ssrc = data.readUInt32BE(at + 4);
  handler.onSenderReport?.(ssrc, data.readBigUInt64BE(at + 8), data.readUInt32BE(at + 16));
  return parseReportBlocks(data, ssrc, blocks, end, count, handler);
}

function parseReportBlocks(
  data: Buffer,
  ssrc: number,
  from: number,
  end: number,
  count: number,
  handler: RtcpHandler,
): boolean {
  if (end - from < count * REPORT_BLOCK_BYTES) return false;
  for (let i = 0, at = from; i < count; i++, at += REPORT_BLOCK_BYTES) {
    reportBlock.ssrc = data.readUInt32BE(at);
    reportBlock.fractionLost = data[at + 4]!;
    reportBlock.cumulativeLost = data.readIntBE(at + 5, 3);
    reportBlock.highestSequence = data.readUInt32BE(at + 8);
    reportBlock.jitter = data.readUInt32BE(at + 12);
    reportBlock.lastSenderReport = data.readUInt32BE(at + 16);
    reportBlock.delaySinceLastSenderReport = data.readUInt32BE(at + 20);
    handler.onReportBlock?.(ssrc, reportBlock);
  }
  return true;
}

function parseGoodbye(data: Buffer, from: number, end: number, count: number, handler: RtcpHandler): boolean {
  if (end - from < count * 4) return false;
  for (let i = 0; i < count; i++) handler.onGoodbye?.(data.readUInt32BE(from + 4 * i));
  return true;
}

function parseTransportLayer(
  data: Buffer,
  at: number,
  end: number,
  format: number,
  handler: RtcpHandler,
): boolean {
  if (format === TRANSPORT_WIDE) return parseTransportFeedback(data, at, end, handler);
  if (format !== NACK) return true;
  const mediaSsrc = data.readUInt32BE(at + 8);
  for (let entry = at + 12; entry + 4 <= end; entry += 4) {
    handler.onNack?.(mediaSsrc, data.readUInt16BE(entry), data.readUInt16BE(entry + 2));
  }
  return true;
}

function parsePayloadSpecific(
  data: Buffer,
  at: number,
  end: number,
  format: number,
  handler: RtcpHandler,
): boolean {
  if (format === PICTURE_LOSS) {
    handler.onPictureLoss?.(data.readUInt32BE(at + 8));
  } else if (format === FULL_INTRA_REQUEST) {
    for (let entry = at + 12; entry + 8 <= end; entry += 8) {
      handler.onFullIntraRequest?.(data.readUInt32BE(entry), data[entry + 4]!);
    }
  } else if (format === APPLICATION_LAYER && end - at >= 20 && data.readUInt32BE(at + 12) === REMB) {
    const exponent = data[at + 17]! >>> 2;
    const mantissa = data.readUIntBE(at + 17, 3) & 0x3_ffff;
    handler.onReceiverEstimate?.(mantissa * 2 ** exponent);
  }
  return true;
}
