import type { Clock, Timer } from '../../runtime/clock.ts';
import { TokenBucket } from '../../runtime/token-bucket.ts';
import { DATA_FLAG, type Fragment } from './data-chunk.ts';
import { Reassembly, type Message } from './reassembly.ts';
import { ReceivedTsns } from './received-tsns.ts';
import type { ForwardTsn, Sack } from './sack.ts';
import { isAfter, plus } from './serial.ts';

/** What the peer may have under way; more than the largest message. */
export const RECEIVE_WINDOW_BYTES = 512 * 1024;
/** Sequence numbers told apart by a gap's 16 bits, with room to spare. */
const MAX_TSNS_AHEAD = 32_768;
const MAX_RANGES = 256;
/** RFC 9260 section 6.2: at most 500 ms; a sender's timer must not run out over it. */
const SACK_DELAY_MS = 50;
const SACK_EVERY_PACKETS = 2;
/** While the peer is held back: it goes on after each, and the longer the wait, the larger the burst. */
const PACED_SACK_DELAY_MS = 10;
/** What a peer may send: messages, and packets of data that end none. */
const PACE = { burst: 5_000, perSecond: 5_000 };
/** With so little left the window is closed, and the peer waits; what comes all the same still has room. */
const PACE_RESERVE = 4_000;
/** What the window has for each of the others: little, or small messages come in bursts that keep the pictures of other viewers waiting. */
const WINDOW_BYTES_EACH = 100;

export interface ReceiverOptions {
  /** The TSN before the peer's first. */
  before: number;
  maxMessageBytes: number;
  clock: Clock;
  onMessage: (message: Message) => void;
  /** `sack()` is to be sent. */
  onSackDue: () => void;
}

/**
 * The receiving half of an association: keeps order, acknowledges, holds no more than its window, and slows down a peer that sends more
 * than there is time for. It closes the window for that: what is dropped instead would be lost for good on a channel that repeats nothing.
 */
export class SctpReceiver {
  readonly #clock: Clock;
  readonly #onSackDue: () => void;
  readonly #tsns: ReceivedTsns;
  readonly #reassembly: Reassembly;
  readonly #pace: TokenBucket;
  #messages = 0;
  #unacknowledgedPackets = 0;
  #timer: Timer | undefined;
  #isUrgent = false;

  constructor({ before, maxMessageBytes, clock, onMessage, onSackDue }: ReceiverOptions) {
    this.#clock = clock;
    this.#onSackDue = onSackDue;
    this.#tsns = new ReceivedTsns(before);
    this.#pace = new TokenBucket(PACE, clock);
    this.#reassembly = new Reassembly(maxMessageBytes, (message) => {
      this.#messages += 1;
      onMessage(message);
    });
  }

  /** The peer does not heed its window: data of it is to be dropped. */
  get isOverrun(): boolean {
    return !this.#pace.has(1);
  }

  get cumulative(): number {
    return this.#tsns.cumulative;
  }

  /** @throws Error when the peer ignores the window or the size of messages: then the association is to be aborted. */
  onData(fragment: Fragment): void {
    const { tsn, flags } = fragment;
    const tsns = this.#tsns;
    if (tsns.has(tsn)) {
      this.#isUrgent = true;
      return;
    }
    const isNext = tsn === plus(tsns.cumulative, 1);
    if (!isNext && !this.#hasRoomFor(tsn)) return;
    if (this.#reassembly.bytes > 2 * RECEIVE_WINDOW_BYTES)
      throw new Error('the peer sends more than the window allows');
    tsns.add(tsn);
    if (!isNext || tsns.rangeCount > 0 || (flags & DATA_FLAG.immediate) !== 0) this.#isUrgent = true;
    this.#reassembly.add(fragment);
  }

  /** What is dropped here comes again. */
  #hasRoomFor(tsn: number): boolean {
    const { cumulative, rangeCount } = this.#tsns;
    return (
      this.#reassembly.bytes <= RECEIVE_WINDOW_BYTES &&
      rangeCount < MAX_RANGES &&
      !isAfter(tsn, plus(cumulative, MAX_TSNS_AHEAD))
    );
  }

  onForwardTsn({ cumulative, skipped }: ForwardTsn): void {
    this.#isUrgent = true;
    if (!isAfter(cumulative, this.#tsns.cumulative)) return;
    if (isAfter(cumulative, plus(this.#tsns.cumulative, MAX_TSNS_AHEAD))) return;
    this.#tsns.forward(cumulative);
    this.#reassembly.skip(cumulative, skipped);
  }

  /** All chunks of a packet with data have been handed over. */
  packetEnded(): void {
    this.#pace.charge(Math.max(1, this.#messages));
    this.#messages = 0;
    this.#unacknowledgedPackets += 1;
    if (this.#isUrgent || this.#unacknowledgedPackets >= SACK_EVERY_PACKETS) this.#onSackDue();
    else {
      const delayMs = this.#pace.has(PACE_RESERVE) ? SACK_DELAY_MS : PACED_SACK_DELAY_MS;
      this.#timer ??= this.#clock.after(delayMs, () => this.#onSackDue());
    }
  }

  /** To be sent now. A peer whose window is closed goes on asking with one packet at a time, so that no timer has to tell it that it is open. */
  sack(): Sack {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#unacknowledgedPackets = 0;
    this.#isUrgent = false;
    const room = RECEIVE_WINDOW_BYTES - this.#reassembly.bytes;
    const allowed = Math.floor((this.#pace.left - PACE_RESERVE) * WINDOW_BYTES_EACH);
    const windowBytes = Math.max(0, Math.min(room, allowed));
    return { cumulative: this.#tsns.cumulative, windowBytes, gaps: this.#tsns.gaps() };
  }

  resetStreams(streamIds: readonly number[]): void {
    this.#reassembly.reset(streamIds);
  }

  close(): void {
    this.#timer?.cancel();
  }
}
