import type { Clock, Timer } from '../../runtime/clock.ts';
import { CHUNK, readParameters, writeChunk, writeParameter } from './packet.ts';
import { isAfter, plus } from './serial.ts';

/** RFC 6525 section 4. */
const OUTGOING_RESET = 13;
const RESPONSE = 16;
const ADD_OUTGOING = 17;
const RESULT = { nothingToDo: 0, performed: 1, badSequence: 5, inProgress: 6 } as const;
/** As for data: what is not answered is repeated ever more slowly (RFC 6525 section 5.1.1), and given up in the end. */
const FIRST_REPEAT_MS = 500;
const MAX_REPEAT_MS = 10_000;
const MAX_REPEATS = 10;
const MAX_STREAMS_PER_REQUEST = 256;

export interface StreamResetOptions {
  /** TSNs are where both count their requests from. */
  localTsn: number;
  remoteTsn: number;
  clock: Clock;
  onChunk: (chunk: Buffer) => void;
  /** The last TSN that we have used. */
  lastSentTsn: () => number;
  /** Everything up to this TSN has come. */
  lastReceivedTsn: () => number;
  /** The peer has ended these of its streams, and all it sent on them has come. */
  onPeerReset: (streamIds: number[]) => void;
  /** The peer knows that we have ended these of ours. */
  onOwnReset: (streamIds: number[]) => void;
}

interface Request {
  sequence: number;
  streamIds: number[];
  /** Without an answer. */
  repeats: number;
  /** Of when it was made: later TSNs are other streams', and would put it off without end. */
  lastTsn: number;
  isDeferred: boolean;
}

/** How data channels are closed: each side ends its own streams (RFC 6525; RFC 8831 section 6.7). */
export class StreamReset {
  readonly #options: StreamResetOptions;
  readonly #waiting = new Set<number>();
  #request: Request | undefined;
  #nextSequence: number;
  #timer: Timer | undefined;
  #peerSequence: number;
  #lastResult: number = RESULT.nothingToDo;

  constructor(options: StreamResetOptions) {
    this.#options = options;
    this.#nextSequence = options.localTsn;
    this.#peerSequence = plus(options.remoteTsn, -1);
  }

  /** Ends streams on which nothing is under way any more. */
  reset(streamId: number): void {
    if (!this.#request?.streamIds.includes(streamId)) this.#waiting.add(streamId);
    this.#ask();
  }

  /** The peer may use a stream anew only when both have ended it: it has done what we asked for, and its answer is lost or late. */
  reused(streamId: number): void {
    if (this.#request?.streamIds.includes(streamId)) this.#performed(this.#request);
  }

  /** Takes a RE-CONFIG chunk. */
  onChunk(body: Buffer): void {
    for (const { type, value } of readParameters(body)) {
      if (type === OUTGOING_RESET && value.length >= 12) this.#onReset(value);
      else if (type === ADD_OUTGOING && value.length >= 8)
        this.#answerNext(value.readUInt32BE(0), () => RESULT.performed);
      else if (type === RESPONSE && value.length >= 8)
        this.#onResponse(value.readUInt32BE(0), value.readUInt32BE(4));
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#request = undefined;
    this.#waiting.clear();
  }

  #onReset(value: Buffer): void {
    const { lastReceivedTsn, onPeerReset } = this.#options;
    this.#answerNext(value.readUInt32BE(0), () => {
      if (isAfter(value.readUInt32BE(8), lastReceivedTsn())) return RESULT.inProgress;
      const streamIds: number[] = [];
      for (let at = 12; at + 2 <= value.length; at += 2) streamIds.push(value.readUInt16BE(at));
      onPeerReset(streamIds);
      return RESULT.performed;
    });
  }

  /** A repeated request has the answer of the first; one that was in progress is looked at again. */
  #answerNext(sequence: number, perform: () => number): void {
    const isNew = sequence === plus(this.#peerSequence, 1);
    if (!isNew && sequence !== this.#peerSequence) return this.#respond(sequence, RESULT.badSequence);
    if (isNew || this.#lastResult === RESULT.inProgress) this.#lastResult = perform();
    this.#peerSequence = sequence;
    this.#respond(sequence, this.#lastResult);
  }

  #respond(sequence: number, result: number): void {
    const value = Buffer.alloc(8);
    value.writeUInt32BE(sequence, 0);
    value.writeUInt32BE(result, 4);
    this.#options.onChunk(writeChunk(CHUNK.reconfig, 0, writeParameter(RESPONSE, value)));
  }

  #onResponse(sequence: number, result: number): void {
    const request = this.#request;
    if (request?.sequence !== sequence) return;
    if (result === RESULT.inProgress) {
      // The peer is there, and will have it all soon.
      request.repeats = 0;
      request.isDeferred = true;
      return this.#repeatLater(request);
    }
    this.#performed(request);
  }

  #performed({ streamIds }: Request): void {
    this.#timer?.cancel();
    this.#request = undefined;
    this.#options.onOwnReset(streamIds);
    this.#ask();
  }

  #ask(): void {
    if (this.#request || this.#waiting.size === 0) return;
    const streamIds = [...this.#waiting].slice(0, MAX_STREAMS_PER_REQUEST);
    for (const streamId of streamIds) this.#waiting.delete(streamId);
    this.#request = {
      sequence: this.#takeSequence(),
      streamIds,
      repeats: 0,
      lastTsn: this.#options.lastSentTsn(),
      isDeferred: false,
    };
    this.#send(this.#request);
  }

  #takeSequence(): number {
    const sequence = this.#nextSequence;
    this.#nextSequence = plus(sequence, 1);
    return sequence;
  }

  /** What was put off is asked for under another number: former versions of Chromium's SCTP give a number that they know its first answer again. */
  #send(request: Request): void {
    if (request.isDeferred) request.sequence = this.#takeSequence();
    request.isDeferred = false;
    const { sequence, streamIds, lastTsn } = request;
    const value = Buffer.alloc(12 + 2 * streamIds.length);
    value.writeUInt32BE(sequence, 0);
    value.writeUInt32BE(this.#peerSequence, 4);
    value.writeUInt32BE(lastTsn, 8);
    streamIds.forEach((streamId, i) => value.writeUInt16BE(streamId, 12 + 2 * i));
    this.#options.onChunk(writeChunk(CHUNK.reconfig, 0, writeParameter(OUTGOING_RESET, value)));
    this.#repeatLater(request);
  }

  #repeatLater(request: Request): void {
    this.#timer?.cancel();
    if (request.repeats >= MAX_REPEATS) return;
    const delayMs = Math.min(FIRST_REPEAT_MS * 2 ** request.repeats, MAX_REPEAT_MS);
    this.#timer = this.#options.clock.after(delayMs, () => {
      request.repeats += 1;
      this.#send(request);
    });
  }
}
