import { buildReceiverReport } from '../../../src/rtp/rtcp-build.ts';
import type { ReportBlock } from '../../../src/rtp/rtcp-types.ts';
import { buildTransportFeedback } from './transport-feedback.ts';

/** What one source sent, from the headers alone: SRTP leaves them in the clear. */
export interface SourceCounts {
  ssrc: number;
  payloadType: number;
  packets: number;
  bytes: number;
  lost: number;
}

class Source {
  packets = 0;
  bytes = 0;
  /** Extended sequence numbers. */
  first: number;
  highest: number;
  lastSenderReport = 0;
  lastSenderReportAtMs = 0;
  #reportedExpected = 0;
  #reportedPackets = 0;
  readonly ssrc: number;
  readonly payloadType: number;

  constructor(ssrc: number, payloadType: number, sequence: number) {
    this.ssrc = ssrc;
    this.payloadType = payloadType;
    this.first = sequence;
    this.highest = sequence;
  }

  get expected(): number {
    return this.highest - this.first + 1;
  }

  /** Returns the extended sequence number. */
  count(sequence: number, bytes: number): number {
    const index = this.highest + (((sequence - this.highest) << 16) >> 16);
    this.highest = Math.max(this.highest, index);
    this.packets += 1;
    this.bytes += bytes;
    return index;
  }

  report(): ReportBlock {
    const expected = this.expected - this.#reportedExpected;
    const lost = Math.max(0, expected - (this.packets - this.#reportedPackets));
    this.#reportedExpected = this.expected;
    this.#reportedPackets = this.packets;
    const sinceMs = performance.now() - this.lastSenderReportAtMs;
    return {
      ssrc: this.ssrc,
      fractionLost: expected > 0 ? Math.min(255, Math.floor((256 * lost) / expected)) : 0,
      cumulativeLost: this.expected - this.packets,
      highestSequence: this.highest,
      jitter: 0,
      lastSenderReport: this.lastSenderReport,
      delaySinceLastSenderReport: this.lastSenderReport === 0 ? 0 : Math.round((sinceMs * 65_536) / 1000),
    };
  }
}

const REPORTER_SSRC = 0x5eed;

/** Counts one viewer's packets and words the reports on them that a browser sends. */
export class PacketCounter {
  readonly #sources = new Map<number, Source>();
  /** Id of the transport-wide sequence number; 0: not negotiated. */
  readonly #transportSequenceId: number;
  #feedbackBase = -1;
  #arrivalsMs: number[] = [];
  #feedbackCount = 0;

  constructor(transportSequenceId: number) {
    this.#transportSequenceId = transportSequenceId;
  }

  /** Takes one RTP packet, plain or encrypted. Returns its extended sequence number. */
  count(packet: Buffer): number {
    const ssrc = packet.readUInt32BE(8);
    const sequence = packet.readUInt16BE(2);
    let source = this.#sources.get(ssrc);
    if (!source) {
      source = new Source(ssrc, packet.readUInt8(1) & 0x7f, sequence);
      this.#sources.set(ssrc, source);
    }
    if (this.#transportSequenceId > 0) this.#arrived(packet);
    return source.count(sequence, packet.length);
  }

  /** Remembers a sender report, to be repeated in the next report. */
  senderReport(ssrc: number, ntpTime: bigint): void {
    const source = this.#sources.get(ssrc);
    if (!source) return;
    source.lastSenderReport = Number((ntpTime >> 16n) & 0xffff_ffffn);
    source.lastSenderReportAtMs = performance.now();
  }

  sources(): SourceCounts[] {
    return [...this.#sources.values()].map((source) => ({
      ssrc: source.ssrc,
      payloadType: source.payloadType,
      packets: source.packets,
      bytes: source.bytes,
      lost: source.expected - source.packets,
    }));
  }

  receiverReport(): Buffer {
    const blocks = [...this.#sources.values()].map((source) => source.report());
    return buildReceiverReport(REPORTER_SSRC, blocks, 'viewer');
  }

  /** On the packets since the last one; undefined where none came or it is not negotiated. */
  transportFeedback(): Buffer | undefined {
    const [source] = this.#sources.keys();
    if (this.#arrivalsMs.length === 0 || source === undefined) return undefined;
    const arrivals = Array.from(this.#arrivalsMs, (arrival) => arrival ?? NaN);
    const ssrcs = { sender: REPORTER_SSRC, media: source };
    const packet = buildTransportFeedback(ssrcs, this.#feedbackBase, arrivals, this.#feedbackCount++ & 0xff);
    this.#feedbackBase += arrivals.length;
    this.#arrivalsMs = [];
    return packet;
  }

  #arrived(packet: Buffer): void {
    const sequence = transportSequence(packet, this.#transportSequenceId);
    if (sequence === undefined) return;
    if (this.#feedbackBase < 0) this.#feedbackBase = sequence;
    const offset = ((sequence - this.#feedbackBase) << 16) >> 16;
    // What comes after its feedback was sent stays reported as lost.
    if (offset >= 0) this.#arrivalsMs[offset] = performance.now();
  }
}

/** Reads the extension from one-byte headers (RFC 8285). */
function transportSequence(packet: Buffer, id: number): number | undefined {
  if ((packet.readUInt8(0) & 0x10) === 0 || packet.readUInt16BE(12) !== 0xbede) return undefined;
  const end = 16 + 4 * packet.readUInt16BE(14);
  for (let at = 16; at < end;) {
    const head = packet.readUInt8(at);
    if (head >>> 4 === id) return packet.readUInt16BE(at + 1);
    at += head === 0 ? 1 : 2 + (head & 0x0f);
  }
  return undefined;
}
