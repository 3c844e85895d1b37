import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Pacer } from './pacer.ts';
import { MAX_BATCH_PACKETS, PacketBatch, type MemoryUse } from './packet-batch.ts';
import { MAX_PAYLOAD_BYTES, type Payloads } from './payload-writer.ts';
import { RtpHeaderWriter, type HeaderExtensions } from './rtp-header.ts';
import type { SrtpSender } from './srtp-sender.ts';

const PADDING_BIT = 0x20;
/** As many as a packet's last byte can tell. */
const PADDING_BYTES = 255;

/** Where finished datagrams go: the selected candidate pair of one peer. */
export interface PacketTransport extends MemoryUse {
  /**
   * Sends one datagram. The memory is not touched again while `busy` says that sends are under way. Must not call
   * back into the sender. A failure is counted; it never ends a session.
   */
  send(packet: Uint8Array): void;
}

/** The transport-wide sequence number, shared by all senders of one transport. */
export class TransportSequence {
  #next = 0;

  /** Reserves `packets` consecutive numbers and returns the first. */
  take(packets: number): number {
    const first = this.#next;
    this.#next = (first + packets) & 0xffff;
    return first;
  }
}

/** Told of each packet that left: its transport-wide sequence number, its bytes with SRTP, and the monotonic time. */
export type SentListener = (transportSequence: number, bytes: number, atMs: number) => void;

/** One viewer's transport, as all its senders share it. */
export interface ViewerTransport {
  packets: PacketTransport;
  srtp: SrtpSender;
  /** Where transport-wide congestion control is negotiated. */
  transportSequence?: TransportSequence;
  onSent?: SentListener;
  pacer: Pacer;
}

export interface PacketOutputOptions {
  ssrc: number;
  payloadType: number;
  extensions: HeaderExtensions;
  /** True where the last packet of a frame carries the marker bit, as for video. */
  markFrameEnd: boolean;
  /** Memory taken at a time. */
  blockBytes: number;
}

/** Writes, encrypts and sends the packets of one SSRC, and counts them. */
export class PacketOutput {
  readonly ssrc: number;
  /** Extended sequence number (rollovers · 2¹⁶ + sequence number) of the next packet. */
  nextIndex: number;
  packets = 0;
  payloadBytes = 0;
  sendErrors = 0;
  readonly firstIndex: number;
  readonly #transport: ViewerTransport;
  readonly #payloadType: number;
  #header: RtpHeaderWriter;
  readonly #batch: PacketBatch;
  readonly #markFrameEnd: boolean;
  readonly #clock: Clock;

  constructor(options: PacketOutputOptions, transport: ViewerTransport, random: Random, clock: Clock) {
    transport.srtp.claim(options.ssrc);
    this.ssrc = options.ssrc;
    // Below 2¹⁵, so that a receiver that misses the first packets does not guess a wrong rollover counter.
    this.nextIndex = random.uint32() & 0x7fff;
    this.firstIndex = this.nextIndex;
    this.#transport = transport;
    this.#payloadType = options.payloadType;
    this.#header = new RtpHeaderWriter(options.ssrc, options.payloadType, options.extensions);
    this.#batch = new PacketBatch(options.blockBytes, transport.packets);
    this.#batch.ssrc = options.ssrc;
    this.#batch.headerBytes = this.#header.bytes;
    this.#markFrameEnd = options.markFrameEnd;
    this.#clock = clock;
  }

  /** Of the packets sent from now on. Must not change where packets are repeated as they were. */
  set extensions(extensions: HeaderExtensions) {
    this.#header = new RtpHeaderWriter(this.ssrc, this.#payloadType, extensions);
    this.#batch.headerBytes = this.#header.bytes;
  }

  /** Reserves transport-wide sequence numbers; where there are none, numbers that run along with the packets. */
  takeTransportSequence(packets: number): number {
    return this.#transport.transportSequence?.take(packets) ?? this.nextIndex & 0xffff;
  }

  /** Sends the payloads `from` … `to - 1` of a frame as new packets. */
  send(payloads: Payloads, from: number, to: number, timestamp: number, transportSequence: number): void {
    this.#header.setTimestamp(timestamp);
    for (let at = from; at < to; at += MAX_BATCH_PACKETS) {
      const end = Math.min(at + MAX_BATCH_PACKETS, to);
      this.#sendBatch(payloads, at, end, this.nextIndex, transportSequence + at - from);
      this.nextIndex += end - at;
    }
  }

  /** Repeats the packet with the extended sequence number `index`, byte for byte: SRTP allows nothing else. */
  repeat(
    payloads: Payloads,
    payload: number,
    timestamp: number,
    index: number,
    transportSequence: number,
  ): void {
    this.#header.setTimestamp(timestamp);
    this.#sendBatch(payloads, payload, payload + 1, index, transportSequence);
  }

  /**
   * Sends a payload as retransmission of the packet `originalSequence` of another SSRC (RFC 4588 section 4); returns its
   * transport-wide sequence number.
   */
  retransmit(payloads: Payloads, payload: number, timestamp: number, originalSequence: number): number {
    const batch = this.#batch;
    const bytes = payloads.lengths[payload]! + 2;
    const index = this.nextIndex++;
    const transportSequence = this.takeTransportSequence(1);
    batch.begin(1, MAX_PAYLOAD_BYTES + 2);
    batch.firstIndex = index;
    // The original sequence number shifts the payload: composed in place, where it is encrypted too.
    batch.payloads = batch.block;
    batch.payloadWords = batch.words;
    const start = batch.add(0, bytes);
    const body = start + batch.headerBytes;
    batch.payloadStarts[0] = body;
    const from = payloads.starts[payload]!;
    batch.block.writeUInt16BE(originalSequence & 0xffff, body);
    payloads.block.data.copy(batch.block, body + 2, from, from + bytes - 2);
    this.#header.setTimestamp(timestamp);
    const marker = this.#markFrameEnd && payload === payloads.count - 1;
    this.#header.write(batch.block, batch.words, start, marker, index, transportSequence);
    this.#flush(transportSequence);
    return transportSequence;
  }

  /**
   * Sends a packet with nothing but padding (RFC 3550 section 5.1), to learn of the link; receivers drop it. Returns its
   * bytes of padding.
   */
  pad(): number {
    const batch = this.#batch;
    const index = this.nextIndex++;
    const transportSequence = this.takeTransportSequence(1);
    batch.begin(1, PADDING_BYTES);
    batch.firstIndex = index;
    batch.payloads = batch.block;
    batch.payloadWords = batch.words;
    const start = batch.add(0, PADDING_BYTES);
    const body = start + batch.headerBytes;
    batch.payloadStarts[0] = body;
    batch.block.fill(0, body, body + PADDING_BYTES - 1);
    batch.block[body + PADDING_BYTES - 1] = PADDING_BYTES;
    this.#header.write(batch.block, batch.words, start, false, index, transportSequence);
    batch.block[start]! |= PADDING_BIT;
    this.#flush(transportSequence);
    return PADDING_BYTES;
  }

  #sendBatch(payloads: Payloads, from: number, to: number, index: number, transportSequence: number): void {
    const batch = this.#batch;
    const { starts, lengths } = payloads;
    batch.begin(to - from, starts[to - 1]! + lengths[to - 1]! - starts[from]!);
    batch.firstIndex = index;
    batch.payloads = payloads.block.data;
    batch.payloadWords = payloads.block.words;
    const frameEnd = this.#markFrameEnd ? payloads.count - 1 : -1;
    for (let i = from; i < to; i++) {
      const start = batch.add(starts[i]!, lengths[i]!);
      const offset = i - from;
      this.#header.write(
        batch.block,
        batch.words,
        start,
        i === frameEnd,
        index + offset,
        transportSequence + offset,
      );
    }
    this.#flush(transportSequence);
  }

  #flush(transportSequence: number): void {
    const { packets: transport, srtp, onSent, pacer } = this.#transport;
    const batch = this.#batch;
    srtp.protect(batch);
    const { payloadLengths, count } = batch;
    const overhead = batch.headerBytes + srtp.tagBytes;
    const atMs = onSent === undefined ? 0 : this.#clock.monotonic();
    let total = 0;
    for (let i = 0; i < count; i++) {
      const bytes = overhead + payloadLengths[i]!;
      total += bytes;
      this.packets += 1;
      this.payloadBytes += payloadLengths[i]!;
      try {
        transport.send(batch.packet(i, bytes));
      } catch {
        this.sendErrors += 1;
      }
      onSent?.((transportSequence + i) & 0xffff, bytes, atMs);
    }
    pacer.spend(total);
  }
}
