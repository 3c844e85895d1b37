import type { Clock, Timer } from '../runtime/clock.ts';
import type { Pacer } from './pacer.ts';
import type { PacketOutput } from './packet-output.ts';
import { NOT_RECEIVED, type TransportFeedback } from './rtcp-types.ts';
import type { SentSpans } from './sent-spans.ts';

/** Packets whose last repetition is remembered. */
const REMEMBERED = 1024;
/** Transport-wide sequence numbers among which repetitions are found again. A power of two. */
const TRACED = 4096;
/** Receivers ask again about once a round trip; asking sooner is a storm. Bounds of the wait, and its value so far. */
const MIN_REPEAT_MS = 10;
const MAX_REPEAT_MS = 100;
const UNKNOWN_REPEAT_MS = 20;
/** Repetitions that may go out at once before the rate applies: a short outage. */
const BURST_MS = 300;
/** A burst of losses that took the repetition may be over by then. */
const SECOND_COPY_MS = 10;
/** Of the link, at most: more lost than this is not mended by sending yet more. */
const SHARE = 0.5;
const MAX_BURST_BYTES = 256 * 1024;

/** Copies of one packet that are lost before it is given up: on a link that loses little, and on any other. */
const SUSPICIOUS_COPIES = 2;
const HOPELESS_COPIES = 4;
const GIVEN_UP = 255;

/** Packets repeated at most in one call of `pad`. */
const MAX_PADDING = 64;
/** Header, extensions and SRTP, about. */
const PADDING_OVERHEAD_BYTES = 36;

/** What became of a request for one packet; skipped: a repetition is on its way; refused: the link is not thought to carry it. */
export type RepairOutcome = 'sent' | 'skipped' | 'refused' | 'forgotten';

/**
 * Repeats what was lost from the streams' plaintext history, over RTX (RFC 4588) where the peer has it, else by repeating the
 * packet itself. A NACK tells of it soonest; transport-wide feedback tells of what a lost NACK would have, and of lost
 * repetitions, which a browser asks for again only after 100 ms or more. A peer cannot make it send more than the link
 * is thought to carry, nor, by NACKs, one packet more than once a round trip.
 */
export class Retransmitter {
  /** How long packets wait on their way now: a repetition waits there too. */
  queueMs = 0;
  /** Of each repetition, over RTX. */
  copies: 1 | 2 = 1;
  packets = 0;
  payloadBytes = 0;
  readonly #clock: Clock;
  readonly #pacer: Pacer;
  readonly #spans: SentSpans;
  readonly #media: PacketOutput;
  readonly #rtx: PacketOutput | undefined;
  readonly #repeatedIndex = new Float64Array(REMEMBERED).fill(-1);
  readonly #repeatedAtMs = new Float64Array(REMEMBERED);
  /** Copies of the last repetition that are not known to be lost. */
  readonly #copies = new Uint8Array(REMEMBERED);
  /** Copies of all repetitions that are known to be lost, or GIVEN_UP. */
  readonly #lostCopies = new Uint8Array(REMEMBERED);
  /** Which packet was repeated under which transport-wide sequence number. */
  readonly #tracedIndex = new Float64Array(TRACED).fill(-1);
  readonly #tracedSequence = new Uint16Array(TRACED);
  /** What goes once more when the timer ends. */
  #again: number[] = [];
  #timer: Timer | undefined;
  #repeatMs = UNKNOWN_REPEAT_MS;
  #allowance = MAX_BURST_BYTES;
  #refilledAtMs: number;

  constructor(
    media: PacketOutput,
    rtx: PacketOutput | undefined,
    spans: SentSpans,
    clock: Clock,
    pacer: Pacer,
  ) {
    this.#media = media;
    this.#rtx = rtx;
    this.#spans = spans;
    this.#clock = clock;
    this.#refilledAtMs = clock.monotonic();
    this.#pacer = pacer;
  }

  /** Tells the measured round trip. */
  setRoundTrip(roundTripMs: number): void {
    this.#repeatMs = Math.min(MAX_REPEAT_MS, Math.max(MIN_REPEAT_MS, roundTripMs));
  }

  /** Repeats the packet with this extended sequence number: the viewer asks for it. */
  repair(index: number): RepairOutcome {
    const slot = index % REMEMBERED;
    const isRecent =
      this.#repeatedIndex[slot] === index &&
      this.#clock.monotonic() - this.#repeatedAtMs[slot]! < this.#repeatMs + this.queueMs;
    return isRecent ? 'skipped' : this.#repeat(index);
  }

  /** Nothing goes once more. */
  close(): void {
    this.#timer?.cancel();
  }

  /**
   * Repeats what did not arrive, unless a repetition is on its way. A packet whose repetitions get lost again and again is given up
   * (but for NACKs): returns the extended sequence number of the newest such packet, -1 where there is none.
   */
  onTransportFeedback({ baseSequence, count, arrivals }: TransportFeedback): number {
    let givenUp = -1;
    for (let i = 0; i < count; i++)
      if (arrivals[i] === NOT_RECEIVED)
        givenUp = Math.max(givenUp, this.#missing((baseSequence + i) & 0xffff));
    return givenUp;
  }

  /** Returns the packet's extended sequence number where it is given up now, else -1. */
  #missing(transportSequence: number): number {
    const trace = transportSequence % TRACED;
    const isRepetition = this.#tracedIndex[trace] !== -1 && this.#tracedSequence[trace] === transportSequence;
    const index = isRepetition ? this.#tracedIndex[trace]! : this.#spans.indexOf(transportSequence);
    if (index === undefined) return -1;
    if (isRepetition) this.#tracedIndex[trace] = -1;
    const slot = index % REMEMBERED;
    const isRepeated = this.#repeatedIndex[slot] === index;
    if (isRepeated && !isRepetition) return -1;
    if (isRepeated && this.#isGivenUp(slot)) return -1;
    if (isRepeated && this.#losesCopy(slot)) return index;
    if (isRepeated && this.#copies[slot]! > 1) this.#copies[slot]! -= 1;
    else this.#repeat(index);
    return -1;
  }

  #isGivenUp(slot: number): boolean {
    return this.#lostCopies[slot] === GIVEN_UP;
  }

  /** True where that was one too many. */
  #losesCopy(slot: number): boolean {
    const lost = this.#lostCopies[slot]! + 1;
    const most = this.#pacer.isWide ? SUSPICIOUS_COPIES : HOPELESS_COPIES;
    this.#lostCopies[slot] = lost < most ? lost : GIVEN_UP;
    return lost >= most;
  }

  #repeat(index: number): RepairOutcome {
    const found = this.#spans.find(index);
    const frame = found?.stream.frame(found.frameIndex);
    if (found === undefined || frame === undefined) return 'forgotten';
    const bytes = frame.payloads.lengths[found.payload]!;
    if (!this.#admit(bytes)) return 'refused';
    this.packets += 1;
    this.payloadBytes += bytes;
    const copies = this.#rtx === undefined ? 1 : this.copies;
    const slot = index % REMEMBERED;
    if (this.#repeatedIndex[slot] !== index) this.#lostCopies[slot] = 0;
    this.#repeatedIndex[slot] = index;
    this.#repeatedAtMs[slot] = this.#clock.monotonic();
    this.#copies[slot] = copies;
    if (this.#rtx === undefined) {
      this.#media.repeat(frame.payloads, found.payload, found.timestamp, index, found.transportSequence);
      return 'sent';
    }
    this.#retransmit(this.#rtx, index);
    if (copies > 1) this.#again.push(index);
    if (copies > 1) this.#timer ??= this.#clock.after(SECOND_COPY_MS, () => this.#repeatAgain());
    return 'sent';
  }

  #repeatAgain(): void {
    const indices = this.#again;
    this.#again = [];
    this.#timer = undefined;
    for (const index of indices) if (this.#rtx) this.#retransmit(this.#rtx, index);
  }

  #retransmit(rtx: PacketOutput, index: number): void {
    const found = this.#spans.find(index);
    const frame = found?.stream.frame(found.frameIndex);
    if (found === undefined || frame === undefined) return;
    const sequence = rtx.retransmit(frame.payloads, found.payload, found.timestamp, index);
    this.#tracedIndex[sequence % TRACED] = index;
    this.#tracedSequence[sequence % TRACED] = sequence;
  }

  /**
   * Sends about `bytes` over RTX, of what was sent last, or of nothing: a burst that tells of the link and harms nobody.
   * Returns what it sent, 0 where there is no RTX.
   */
  pad(bytes: number): number {
    if (this.#rtx === undefined) return 0;
    let sent = 0;
    const newest = this.#media.nextIndex - 1;
    for (let i = 0; i < MAX_PADDING && sent < bytes; i++)
      sent += PADDING_OVERHEAD_BYTES + (this.#repeatAsPadding(this.#rtx, newest - i) || this.#rtx.pad());
    return sent;
  }

  /** Bytes of the payload; 0 where the packet is not kept any more, as after a while without a picture. */
  #repeatAsPadding(rtx: PacketOutput, index: number): number {
    const found = index < this.#media.firstIndex ? undefined : this.#spans.find(index);
    const frame = found?.stream.frame(found.frameIndex);
    if (found === undefined || frame === undefined) return 0;
    rtx.retransmit(frame.payloads, found.payload, found.timestamp, index);
    return frame.payloads.lengths[found.payload]!;
  }

  #admit(bytes: number): boolean {
    const nowMs = this.#clock.monotonic();
    const { rateKbps } = this.#pacer;
    const burst = Math.min(MAX_BURST_BYTES, (BURST_MS * rateKbps) / 8);
    this.#allowance = Math.min(
      burst,
      this.#allowance + ((nowMs - this.#refilledAtMs) * SHARE * rateKbps) / 8,
    );
    this.#refilledAtMs = nowMs;
    if (this.#allowance < bytes) return false;
    this.#allowance -= bytes;
    return true;
  }
}
