import { DATA_FLAG, type Fragment } from './data-chunk.ts';
import { isAfter, isAfter16, plus, plus16 } from './serial.ts';

export interface Message {
  streamId: number;
  protocol: number;
  data: Buffer;
}

/** Consecutive fragments of one message. */
interface Run {
  fragments: Fragment[];
  bytes: number;
}

interface OrderedStream {
  /** Sequence number of the message that is due. */
  next: number;
  waiting: Map<number, Message>;
}

/** What a held fragment costs beside its data. */
const OVERHEAD_BYTES = 100;

/**
 * Puts fragments together and messages in order (RFC 9260 sections 6.5, 6.6, 6.9): each stream for itself, so that a loss on one does
 * not hold up another.
 */
export class Reassembly {
  /** Held, because something is missing before or within. */
  bytes = 0;
  readonly #maxMessageBytes: number;
  readonly #deliver: (message: Message) => void;
  readonly #byFirst = new Map<number, Run>();
  readonly #byLast = new Map<number, Run>();
  readonly #streams = new Map<number, OrderedStream>();

  constructor(maxMessageBytes: number, deliver: (message: Message) => void) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#deliver = deliver;
  }

  /** Takes each fragment once. @throws Error for a message that is larger than allowed. */
  add(fragment: Fragment): void {
    const { data } = fragment;
    if (isBeginning(fragment) && isEnd(fragment)) return this.#complete(fragment, data);
    // A view of its packet would keep all of it.
    const run = this.#join({ ...fragment, data: Buffer.from(data) });
    this.bytes += data.length + OVERHEAD_BYTES;
    const first = run.fragments[0]!;
    const last = run.fragments.at(-1)!;
    if (run.bytes > this.#maxMessageBytes)
      throw new Error(`a message exceeds ${this.#maxMessageBytes} bytes`);
    if (!isBeginning(first) || !isEnd(last)) return;
    this.#remove(run);
    const whole = Buffer.concat(run.fragments.map((part) => part.data));
    this.#complete(first, whole);
  }

  /** RFC 3758 section 3.6: what is skipped is forgotten, and what waited for it goes on. */
  skip(cumulative: number, skipped: ReadonlyArray<readonly [number, number]>): void {
    for (const run of this.#byFirst.values())
      if (!isAfter(run.fragments.at(-1)!.tsn, cumulative)) this.#remove(run);
    for (const [streamId, ssn] of skipped) {
      const stream = this.#stream(streamId);
      if (isAfter16(stream.next, ssn)) continue;
      // By what waits, not by each number: the peer may skip half of them at once.
      const waiting = [...stream.waiting.keys()].filter((each) => !isAfter16(each, ssn));
      for (const each of waiting.toSorted((a, b) => (isAfter16(a, b) ? 1 : -1))) {
        stream.next = each;
        this.#release(stream);
      }
      stream.next = plus16(ssn, 1);
      this.#releaseAll(stream);
    }
  }

  /** The peer begins anew with these streams (RFC 6525 section 5.2.2). */
  reset(streamIds: readonly number[]): void {
    for (const streamId of streamIds) {
      const stream = this.#streams.get(streamId);
      for (const { data } of stream?.waiting.values() ?? []) this.bytes -= data.length + OVERHEAD_BYTES;
      this.#streams.delete(streamId);
    }
  }

  #join(fragment: Fragment): Run {
    const { tsn, data } = fragment;
    let run: Run = { fragments: [fragment], bytes: data.length };
    const before = isBeginning(fragment) ? undefined : this.#byLast.get(plus(tsn, -1));
    if (before && !isEnd(before.fragments.at(-1)!)) {
      this.#byLast.delete(plus(tsn, -1));
      before.fragments.push(fragment);
      before.bytes += data.length;
      run = before;
    }
    const behind = isEnd(fragment) ? undefined : this.#byFirst.get(plus(tsn, 1));
    if (behind && !isBeginning(behind.fragments[0]!)) {
      this.#byFirst.delete(plus(tsn, 1));
      run.fragments.push(...behind.fragments);
      run.bytes += behind.bytes;
    }
    this.#byFirst.set(run.fragments[0]!.tsn, run);
    this.#byLast.set(run.fragments.at(-1)!.tsn, run);
    return run;
  }

  #remove({ fragments, bytes }: Run): void {
    this.#byFirst.delete(fragments[0]!.tsn);
    this.#byLast.delete(fragments.at(-1)!.tsn);
    this.bytes -= bytes + OVERHEAD_BYTES * fragments.length;
  }

  #complete({ flags, streamId, ssn, protocol }: Fragment, data: Buffer): void {
    const message = { streamId, protocol, data };
    if ((flags & DATA_FLAG.unordered) !== 0) return this.#deliver(message);
    const stream = this.#stream(streamId);
    if (ssn !== stream.next) {
      if (!isAfter16(ssn, stream.next) || stream.waiting.has(ssn)) return;
      stream.waiting.set(ssn, { ...message, data: Buffer.from(data) });
      this.bytes += data.length + OVERHEAD_BYTES;
      return;
    }
    stream.next = plus16(stream.next, 1);
    this.#deliver(message);
    this.#releaseAll(stream);
  }

  #releaseAll(stream: OrderedStream): void {
    while (this.#release(stream)) stream.next = plus16(stream.next, 1);
  }

  #release(stream: OrderedStream): boolean {
    const message = stream.waiting.get(stream.next);
    if (!message) return false;
    stream.waiting.delete(stream.next);
    this.bytes -= message.data.length + OVERHEAD_BYTES;
    this.#deliver(message);
    return true;
  }

  #stream(streamId: number): OrderedStream {
    let stream = this.#streams.get(streamId);
    if (!stream) {
      stream = { next: 0, waiting: new Map() };
      this.#streams.set(streamId, stream);
    }
    return stream;
  }
}

function isBeginning({ flags }: Fragment): boolean {
  return (flags & DATA_FLAG.beginning) !== 0;
}

function isEnd({ flags }: Fragment): boolean {
  return (flags & DATA_FLAG.end) !== 0;
}
