/** A capture clock that runs this far from the monotonic clock between two frames was set anew. */
const CLOCK_STEP_MS = 1000;

/**
 * Maps wall-clock time onto one SSRC's RTP timestamps. All tracks use the same rule, so that sender reports align
 * them (lip sync). Ticks are plain numbers that never wrap; a packet carries them modulo 2³².
 */
export class RtpTimeline {
  readonly #ticksPerMs: number;
  readonly #offset: number;
  /** Added to the wall clock, so that timestamps go on when it is set anew. */
  #shiftMs = 0;
  #captureTimeMs: number | undefined;
  #pushedAtMs = 0;
  /** Highest ticks given to a frame. */
  #highest = -Infinity;
  /** End of the last replay: live frames stay above it. */
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
    if (this.#captureTimeMs !== undefined) {
      const stepMs = captureTimeMs - this.#captureTimeMs - (pushedAtMs - this.#pushedAtMs);
      if (Math.abs(stepMs) > CLOCK_STEP_MS) this.#shiftMs -= stepMs;
    }
    this.#captureTimeMs = captureTimeMs;
    this.#pushedAtMs = pushedAtMs;
    let ticks = this.at(captureTimeMs);
    if (ticks <= this.#floor) {
      ticks = this.#floor + 1;
      this.#floor = ticks;
    }
    this.#highest = Math.max(this.#highest, ticks);
    return ticks;
  }

  /**
   * Prepares the stamps of `count` cached frames: after everything sent, before the next live frame, 1 ms apart or
   * closer. Receivers then show them as fast as they come.
   *
   * @param newestMs Capture time of the newest cached frame.
   * @param frameMs Time from frame to frame.
   */
  beginReplay(count: number, newestMs: number, frameMs: number): void {
    let end = this.at(newestMs);
    if (end - this.#highest < count) {
      end = Math.max(end, this.#highest) + Math.max(count, Math.floor((frameMs * this.#ticksPerMs) / 2));
    }
    this.#replayStep = Math.min(this.#ticksPerMs, (end - this.#highest) / count);
    this.#replayEnd = end;
    this.#floor = end;
    this.#highest = end;
  }

  /** Ticks of the replayed frame that `later` replayed frames follow. */
  replayed(later: number): number {
    return Math.floor(this.#replayEnd - later * this.#replayStep);
  }
}
