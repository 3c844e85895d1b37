import type { Clock, Timer } from '../../runtime/clock.ts';
import { Congestion } from './congestion.ts';
import { DATA_HEADER_BYTES, writeData } from './data-chunk.ts';
import { MAX_PACKET_BYTES, padded, PACKET_HEADER_BYTES } from './packet.ts';
import { writeForwardTsn, type ForwardTsn, type Sack } from './sack.ts';
import { SendQueue, type Outgoing, type SendOptions, type Sent } from './send-queue.ts';
import { isAfter, isAfter16, plus } from './serial.ts';

/** RFC 9260 section 7.2.4. */
const MISSES_OF_A_LOSS = 3;
/** What leaves at once: the media of this and other viewers shares the way. */
const MAX_BURST_PACKETS = 8;
/** RFC 9260 section 16, Association.Max.Retrans. */
const MAX_TIMEOUTS = 10;
/** Fragments that may be under way, however small. */
const MAX_SENT = 2_048;
/** What a message costs beside its bytes. */
const OVERHEAD_BYTES = 150;

export interface SenderOptions {
  initialTsn: number;
  /** Room that the peer has. */
  peerWindowBytes: number;
  clock: Clock;
  /** Chunks of one packet. */
  onPacket: (chunks: Buffer[]) => void;
  /** Some of what was handed over on this stream is not held any more. */
  onReleased: (streamId: number) => void;
  /** The peer does not acknowledge anything any more. */
  onDead: () => void;
}

/** The sending half of an association: congestion control, repetition, partial reliability (RFC 9260 sections 6, 7; RFC 3758). */
export class SctpSender {
  readonly #options: SenderOptions;
  readonly #queue: SendQueue;
  readonly #congestion = new Congestion();
  /** In the order of their TSNs, without a gap. */
  #sent: Sent[] = [];
  #lost: Sent[] = [];
  readonly #heldBytes = new Map<number, number>();
  #totalHeldBytes = 0;
  #inFlightBytes = 0;
  #peerWindowBytes: number;
  #acknowledged: number;
  /** While a loss is repaired, no other one counts: until this TSN is acknowledged. */
  #recoveryEnds: number | undefined;
  #order = 0;
  #lastSentAtMs = 0;
  #timer: Timer | undefined;
  #timeouts = 0;
  #isForwardDue = false;
  readonly #released = new Set<number>();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#queue = new SendQueue(options.initialTsn);
    this.#peerWindowBytes = options.peerWindowBytes;
    this.#acknowledged = plus(options.initialTsn, -1);
  }

  get lastTsn(): number {
    return plus(this.#queue.nextTsn, -1);
  }

  /** Bytes of one stream that wait or are not acknowledged. */
  heldBytes(streamId: number): number {
    return this.#heldBytes.get(streamId) ?? 0;
  }

  /** What all that waits or is not acknowledged costs in memory, in bytes. */
  get memoryBytes(): number {
    return this.#totalHeldBytes + OVERHEAD_BYTES * (this.#queue.length + this.#sent.length);
  }

  /** @param data Is kept until it is acknowledged; not empty. */
  send(streamId: number, protocol: number, data: Buffer, options: SendOptions): void {
    this.#hold(streamId, data.length);
    this.#queue.push({ ...options, streamId, protocol, data, cutBytes: 0, ssn: 0, abandoned: false });
    this.#transmit();
  }

  onSack({ cumulative, windowBytes, gaps }: Sack): void {
    if (isAfter(this.#acknowledged, cumulative) || isAfter(cumulative, this.lastTsn)) return;
    const wasFull = this.#inFlightBytes + MAX_PACKET_BYTES > this.#congestion.windowBytes;
    const advanced = cumulative !== this.#acknowledged;
    const acknowledged = this.#acknowledge(cumulative, gaps);
    this.#timeouts = 0;
    if (gaps.length > 0) this.#strike(acknowledged.order);
    if (this.#recoveryEnds !== undefined && !isAfter(this.#recoveryEnds, cumulative))
      this.#recoveryEnds = undefined;
    else if (advanced && this.#recoveryEnds === undefined)
      this.#congestion.onAcknowledged(acknowledged.bytes, wasFull);
    this.#peerWindowBytes = Math.max(0, windowBytes - this.#inFlightBytes);
    this.#isForwardDue = this.#startsAbandoned();
    if (advanced) this.#restartTimer();
    this.#transmit();
    this.#tellReleased();
  }

  resetStreams(streamIds: readonly number[]): void {
    this.#queue.reset(streamIds);
  }

  close(): void {
    this.#timer?.cancel();
    this.#queue.clear();
    this.#sent = [];
    this.#lost = [];
    this.#heldBytes.clear();
    this.#totalHeldBytes = 0;
  }

  #acknowledge(cumulative: number, gaps: Sack['gaps']): { bytes: number; order: number } {
    const result = { bytes: 0, order: -1 };
    const done = (sent: Sent): void => {
      if (sent.isDone) return;
      const bytes = sent.fragment.data.length;
      result.bytes += bytes;
      // A repeated one may have been acknowledged for its first transmission.
      if (sent.sends === 1) {
        result.order = Math.max(result.order, sent.order);
        newest = newest && newest.order > sent.order ? newest : sent;
      }
      this.#finish(sent);
    };
    let newest: Sent | undefined;
    const count = (cumulative - this.#acknowledged) >>> 0;
    for (const sent of this.#sent.splice(0, count)) done(sent);
    this.#acknowledged = cumulative;
    for (const [from, to] of gaps)
      for (let i = from; i <= to && i <= this.#sent.length; i += 1) if (i > 0) done(this.#sent[i - 1]!);
    if (newest) this.#congestion.onRoundTrip(this.#options.clock.monotonic() - newest.sentAtMs);
    return result;
  }

  /** What was sent before something that has arrived since is counted as missing: repetitions too, which RFC 9260 leaves to the timer. */
  #strike(order: number): void {
    let isLoss = false;
    for (const sent of this.#sent) {
      if (sent.isDone || sent.isLost || sent.order >= order) continue;
      sent.misses += 1;
      if (sent.misses < MISSES_OF_A_LOSS) continue;
      isLoss = true;
      this.#markLost(sent);
    }
    if (!isLoss || this.#recoveryEnds !== undefined) return;
    this.#recoveryEnds = this.lastTsn;
    this.#congestion.onLoss();
  }

  #markLost(sent: Sent): void {
    this.#inFlightBytes -= sent.fragment.data.length;
    sent.isLost = true;
    if (this.#isOver(sent.message, sent.sends - 1)) this.#abandon(sent.message);
    else this.#lost.push(sent);
  }

  #isOver({ maxRetransmits, expiresAtMs }: Outgoing, retransmits: number): boolean {
    return (
      (maxRetransmits !== undefined && retransmits >= maxRetransmits) ||
      (expiresAtMs !== undefined && this.#options.clock.monotonic() >= expiresAtMs)
    );
  }

  /** The whole message is given up; what was sent of it, the peer has to be told of. */
  #abandon(message: Outgoing): void {
    message.abandoned = true;
    this.#hold(message.streamId, message.cutBytes - message.data.length);
    for (const sent of this.#sent) if (sent.message === message && !sent.isDone) this.#finish(sent);
    this.#isForwardDue = this.#startsAbandoned();
  }

  #finish(sent: Sent): void {
    sent.isDone = true;
    const bytes = sent.fragment.data.length;
    if (!sent.isLost) this.#inFlightBytes -= bytes;
    this.#hold(sent.fragment.streamId, -bytes);
  }

  #hold(streamId: number, bytes: number): void {
    const held = (this.#heldBytes.get(streamId) ?? 0) + bytes;
    if (held > 0) this.#heldBytes.set(streamId, held);
    else this.#heldBytes.delete(streamId);
    this.#totalHeldBytes += bytes;
    if (bytes < 0) this.#released.add(streamId);
  }

  /** Last: the listeners may send. */
  #tellReleased(): void {
    const streamIds = [...this.#released];
    this.#released.clear();
    for (const streamId of streamIds) this.#options.onReleased(streamId);
  }

  #timedOut(): void {
    this.#timer = undefined;
    this.#timeouts += 1;
    if (this.#timeouts > MAX_TIMEOUTS) return this.#options.onDead();
    this.#congestion.onTimeout();
    this.#recoveryEnds = undefined;
    for (const sent of this.#sent) if (!sent.isDone && !sent.isLost) this.#markLost(sent);
    this.#isForwardDue = this.#startsAbandoned();
    this.#restartTimer();
    this.#transmit();
    this.#tellReleased();
  }

  #restartTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#sent.length > 0)
      this.#timer = this.#options.clock.after(this.#congestion.timeoutMs, () => this.#timedOut());
  }

  #transmit(): void {
    const now = this.#options.clock.monotonic();
    if (this.#sent.length === 0 && now - this.#lastSentAtMs > this.#congestion.timeoutMs)
      this.#congestion.onIdle();
    for (let packets = 0; packets < MAX_BURST_PACKETS; packets += 1) {
      const chunks = this.#fill(now);
      if (chunks.length === 0) return;
      this.#lastSentAtMs = now;
      if (!this.#timer) this.#restartTimer();
      this.#options.onPacket(chunks);
    }
  }

  /** The chunks of the next packet: what is given up, what is lost, what is new. */
  #fill(now: number): Buffer[] {
    const chunks: Buffer[] = [];
    let room = MAX_PACKET_BYTES - PACKET_HEADER_BYTES;
    const add = (chunk: Buffer): void => {
      chunks.push(chunk);
      room -= chunk.length;
    };
    if (this.#isForwardDue) add(writeForwardTsn(this.#forwardTsn()));
    this.#isForwardDue = false;
    for (;;) {
      const sent = this.#nextLost(room) ?? this.#nextNew(room, chunks.length === 0);
      if (!sent) return chunks;
      sent.sends += 1;
      sent.order = this.#order++;
      sent.sentAtMs = now;
      sent.misses = 0;
      sent.isLost = false;
      this.#inFlightBytes += sent.fragment.data.length;
      add(writeData(sent.fragment));
    }
  }

  #nextLost(room: number): Sent | undefined {
    while (this.#lost[0]?.isDone) this.#lost.shift();
    const [first] = this.#lost;
    if (!first || this.#isWindowFull() || DATA_HEADER_BYTES + padded(first.fragment.data.length) > room)
      return undefined;
    return this.#lost.shift();
  }

  #nextNew(room: number, isFirstInPacket: boolean): Sent | undefined {
    const message = this.#queue.first();
    if (!message || this.#lost.length > 0 || this.#sent.length >= MAX_SENT) return undefined;
    if (this.#isWindowFull()) return undefined;
    // With a closed window, one packet at a time asks whether it has opened (RFC 9260 section 6.1 A).
    if (this.#peerWindowBytes <= 0 && this.#inFlightBytes > 0) return undefined;
    if (message.cutBytes === 0 && this.#isOver(message, -1)) {
      message.abandoned = true;
      this.#hold(message.streamId, -message.data.length);
      return this.#nextNew(room, isFirstInPacket);
    }
    const sent = this.#queue.cut(room, isFirstInPacket);
    if (!sent) return undefined;
    this.#peerWindowBytes -= sent.fragment.data.length;
    this.#sent.push(sent);
    return sent;
  }

  #startsAbandoned(): boolean {
    return this.#sent[0]?.message.abandoned === true;
  }

  #isWindowFull(): boolean {
    return this.#inFlightBytes >= this.#congestion.windowBytes;
  }

  /** Not beyond a fragment that has arrived (RFC 3758 section 3.5 C2): the peer would throw it away, and the rest of its message is to come. */
  #forwardTsn(): ForwardTsn {
    const skipped = new Map<number, number>();
    let cumulative = this.#acknowledged;
    for (const { fragment, message } of this.#sent) {
      if (!message.abandoned) break;
      cumulative = fragment.tsn;
      const { streamId, ssn } = fragment;
      const highest = skipped.get(streamId);
      if (message.ordered && (highest === undefined || isAfter16(ssn, highest))) skipped.set(streamId, ssn);
    }
    return { cumulative, skipped: [...skipped] };
  }
}
