import type { Clock, Timer } from '../runtime/clock.ts';
import type { Frame, MediaStream } from './media-stream.ts';

/** What one slice may send however long the event loop was busy before it: the burst stays small for the link. */
const MAX_SLICE_MS = 10;
/** What may leave at once, before the first timer. */
const FIRST_SLICE_MS = 2;
const MIN_WAIT_MS = 1;

/** What a replay needs from the sender that it belongs to. */
export interface ReplaySink {
  /** Sends the payloads `from` … `to - 1` of a frame; each frame comes in order, its payloads too. */
  sendPart(frame: Frame, from: number, to: number): void;
  /** The live edge is reached, or (false) a frame was no longer kept: then only a key frame helps. */
  replayEnded(reachedLive: boolean): void;
}

/** Sends a stream's frames from a key frame up to the live edge, as fast as a rate allows. */
export class GopReplay {
  /** May change while it runs. */
  rateKbps: number;
  readonly #stream: MediaStream;
  readonly #clock: Clock;
  readonly #sink: ReplaySink;
  #frameIndex: number;
  #payload = 0;
  /** Bytes that may be sent now; negative after a packet that took more. */
  #allowance = 0;
  #refilledAtMs = 0;
  #timer: Timer | undefined;

  constructor(stream: MediaStream, start: number, rateKbps: number, clock: Clock, sink: ReplaySink) {
    this.#stream = stream;
    this.#frameIndex = start;
    this.rateKbps = rateKbps;
    this.#clock = clock;
    this.#sink = sink;
  }

  /** Sends the first slice at once. */
  start(): void {
    this.#refilledAtMs = this.#clock.monotonic();
    this.#allowance = (FIRST_SLICE_MS * this.rateKbps) / 8;
    this.#sendSlice();
  }

  cancel(): void {
    this.#timer?.cancel();
  }

  #next(): void {
    const nowMs = this.#clock.monotonic();
    const refill = ((nowMs - this.#refilledAtMs) * this.rateKbps) / 8;
    this.#refilledAtMs = nowMs;
    this.#allowance = Math.min(this.#allowance + refill, (MAX_SLICE_MS * this.rateKbps) / 8);
    this.#sendSlice();
  }

  #sendSlice(): void {
    while (this.#allowance > 0) {
      const frame = this.#stream.frame(this.#frameIndex);
      if (frame === undefined) return this.#sink.replayEnded(false);
      const from = this.#payload;
      const to = this.#spend(frame, from);
      this.#payload = to;
      if (to === frame.payloads.count) {
        this.#payload = 0;
        this.#frameIndex += 1;
      }
      this.#sink.sendPart(frame, from, to);
      if (this.#frameIndex === this.#stream.nextIndex) return this.#sink.replayEnded(true);
    }
    const waitMs = Math.max(MIN_WAIT_MS, (-this.#allowance * 8) / this.rateKbps);
    this.#timer = this.#clock.after(waitMs, () => this.#next());
  }

  /** Takes payloads from `from` on out of the allowance; returns one past the last. */
  #spend(frame: Frame, from: number): number {
    const { count, lengths } = frame.payloads;
    let to = from;
    while (to < count && this.#allowance > 0) this.#allowance -= lengths[to++]!;
    return to;
  }
}
