import type { MediaStream } from './media-stream.ts';

/** A capture clock that is this far from where the monotonic clock says it should be was set anew. */
const CLOCK_STEP_MS = 1000;
const UNKNOWN_FRAME_MS = 33;

/**
 * Maps wall-clock time onto one SSRC's RTP timestamps. All tracks use the same rule, so that sender reports align
 * them (lip sync). Ticks are plain numbers that never wrap; a packet carries them modulo 2³².
 */
export class RtpTimeline {
  readonly #ticksPerMs: number;
  readonly #offset: number;
  /** Added to the wall clock, so that timestamps go on when it is set anew. */
  #shiftMs = 0;
  /** Of the last frame. */
  #captureTimeMs = -Infinity;
  #pushedAtMs = 0;
  /** Capture clock minus monotonic clock, of the frame that came soonest after its capture. */
  #soonestMs = -Infinity;
  /** Highest ticks given to a frame. */
  #highest = -Infinity;
  /** Highest ticks given to a replayed frame: live frames stay above it. */
  #floor = -Infinity;
  #replayEnd = 0;
  #replayStep = 0;

  /** @param offset Random 32-bit start (RFC 3550 section 5.1). */
  constructor(clockRate: number, offset: number) {
    this.#ticksPerMs = clockRate / 1000;
    this.#offset = offset;
  }

  /** Ticks of a moment on the wall clock, epoch milliseconds. */
  at(wallClockMs: number): number {
    return this.#offset + Math.round((wallClockMs + this.#shiftMs) * this.#ticksPerMs);
  }

  /** Ticks of a frame that is sent when it comes. */
  live(captureTimeMs: number, pushedAtMs: number): number {
    this.#heedClock(captureTimeMs, pushedAtMs);
    let ticks = this.at(captureTimeMs);
    if (ticks <= this.#floor) {
      ticks = this.#floor + 1;
      this.#floor = ticks;
    }
    this.#highest = Math.max(this.#highest, ticks);
    return ticks;
  }

  /** No clock was set where what waited for a processor comes late, and then all at once, nor where pictures are out of order. */
  #heedClock(captureTimeMs: number, pushedAtMs: number): void {
    const offsetMs = captureTimeMs - pushedAtMs;
    const aheadMs = offsetMs - this.#soonestMs;
    const sinceMs = captureTimeMs - this.#captureTimeMs;
    const backMs = sinceMs < -CLOCK_STEP_MS ? pushedAtMs - this.#pushedAtMs - sinceMs : 0;
    this.#captureTimeMs = captureTimeMs;
    this.#pushedAtMs = pushedAtMs;
    if (aheadMs > 0 || backMs > 0) this.#soonestMs = offsetMs;
    if (backMs > 0) this.#shiftMs += backMs;
    else if (aheadMs > CLOCK_STEP_MS && aheadMs < Infinity) this.#shiftMs -= aheadMs;
  }

  /**
   * Prepares the stamps of the cached frames from index `from` to the newest: after everything sent, 1 ms apart or closer, or as
   * far apart as they are sent at `kbps` where that is more. Receivers then show them as fast as they come, and keep their
   * measure of our clock: a browser that was told that a replay of half a second lasts 40 ms froze for 3 s after it.
   */
  beginReplay(stream: MediaStream, from: number, kbps: number): void {
    const count = stream.nextIndex - from;
    const newestMs = stream.frame(stream.nextIndex - 1)!.captureTimeMs;
    const frameMs = newestMs - (stream.frame(stream.nextIndex - 2)?.captureTimeMs ?? newestMs);
    const replayMs = (8 * stream.bytesFrom(from)) / kbps;
    const newest = this.at(newestMs);
    const room = Math.max(0, newest - this.#highest);
    const early = Math.min(room, Math.max(0, (count - replayMs) * this.#ticksPerMs));
    const start = Math.max(newest, this.#highest) - early;
    const step = (early + replayMs * this.#ticksPerMs) / count;
    this.#replayStep = Math.max(1, Math.min(step, (frameMs || UNKNOWN_FRAME_MS) * this.#ticksPerMs));
    this.#replayEnd = start + count * this.#replayStep;
  }

  /** Ticks of the replayed frame that `later` replayed frames follow. */
  replayed(later: number): number {
    const ticks = Math.floor(this.#replayEnd - later * this.#replayStep);
    this.#highest = ticks;
    this.#floor = ticks;
    return ticks;
  }
}
