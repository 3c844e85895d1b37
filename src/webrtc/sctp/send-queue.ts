import { DATA_FLAG, DATA_HEADER_BYTES, type Fragment } from './data-chunk.ts';
import { plus, plus16 } from './serial.ts';

export interface SendOptions {
  ordered: boolean;
  /** Given up after so many repetitions; undefined: never. */
  maxRetransmits: number | undefined;
  /** Given up at this time (monotonic); undefined: never. */
  expiresAtMs: number | undefined;
}

/** A message on its way. */
export interface Outgoing extends SendOptions {
  streamId: number;
  protocol: number;
  data: Buffer;
  /** Bytes that have been cut off as fragments. */
  cutBytes: number;
  ssn: number;
  abandoned: boolean;
}

/** A fragment that was sent and is not acknowledged by everything before it. */
export interface Sent {
  readonly fragment: Fragment;
  readonly message: Outgoing;
  /** Arrived, or given up. */
  isDone: boolean;
  isLost: boolean;
  sends: number;
  /** Counts transmissions of any fragment: what was sent before another. */
  order: number;
  sentAtMs: number;
  /** Acknowledgements of what was sent after it. */
  misses: number;
}

/** Splitting a message for the rest of a packet is worth it only from here on. */
const MIN_FRAGMENT_BYTES = 200;

/** Messages that wait for their turn, cut into fragments when it comes (RFC 9260 sections 6.5, 6.9). */
export class SendQueue {
  #nextTsn: number;
  #messages: Outgoing[] = [];
  #head = 0;
  readonly #ssns = new Map<number, number>();

  constructor(initialTsn: number) {
    this.#nextTsn = initialTsn;
  }

  get nextTsn(): number {
    return this.#nextTsn;
  }

  get length(): number {
    return this.#messages.length - this.#head;
  }

  push(message: Outgoing): void {
    this.#messages.push(message);
  }

  /** The first message that is not given up, with what is left of it. */
  first(): Outgoing | undefined {
    while (this.#messages[this.#head]?.abandoned) this.#shift();
    return this.#messages[this.#head];
  }

  /** The next fragment that fits `room` bytes of a packet; undefined when it is better put into the next one. */
  cut(room: number, isFirstInPacket: boolean): Sent | undefined {
    const message = this.first();
    if (!message) return undefined;
    const left = message.data.length - message.cutBytes;
    const bytes = Math.min(left, (room - DATA_HEADER_BYTES) & ~3);
    if (bytes <= 0 || (bytes < left && bytes < MIN_FRAGMENT_BYTES && !isFirstInPacket)) return undefined;
    const isBeginning = message.cutBytes === 0;
    if (isBeginning && message.ordered) message.ssn = this.#takeSsn(message.streamId);
    const data = message.data.subarray(message.cutBytes, message.cutBytes + bytes);
    message.cutBytes += bytes;
    const isEnd = message.cutBytes === message.data.length;
    if (isEnd) this.#shift();
    const flags =
      (isBeginning ? DATA_FLAG.beginning : 0) |
      (isEnd ? DATA_FLAG.end : 0) |
      (message.ordered ? 0 : DATA_FLAG.unordered);
    const { streamId, ssn, protocol } = message;
    const tsn = this.#nextTsn;
    this.#nextTsn = plus(tsn, 1);
    const fragment = { flags, tsn, streamId, ssn, protocol, data };
    return { fragment, message, isDone: false, isLost: false, sends: 0, order: 0, sentAtMs: 0, misses: 0 };
  }

  /** Streams begin anew (RFC 6525 section 5.1.2). */
  reset(streamIds: readonly number[]): void {
    for (const streamId of streamIds) this.#ssns.delete(streamId);
  }

  clear(): void {
    this.#messages = [];
    this.#head = 0;
  }

  #takeSsn(streamId: number): number {
    const ssn = this.#ssns.get(streamId) ?? 0;
    this.#ssns.set(streamId, plus16(ssn, 1));
    return ssn;
  }

  #shift(): void {
    this.#head += 1;
    if (this.#head < 64 || this.#head * 2 < this.#messages.length) return;
    this.#messages = this.#messages.slice(this.#head);
    this.#head = 0;
  }
}
