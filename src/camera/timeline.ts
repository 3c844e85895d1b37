import type { Clock } from '../runtime/clock.ts';

/** Stamps that are so close to the wall clock were taken from it. */
const WALL_CLOCK_TOLERANCE_MS = 10_000;
/** A frame so late means that the source's time line jumped or paused. */
const JUMP_MS = 2000;
/** The offset follows the clock drift of a source within such a time. */
const WINDOW_MS = 10_000;
/** Nine ticks of a 90 kHz clock. */
const LEAST_STEP_MS = 0.1;

/**
 * Puts the stamps of one capture process on the wall clock. Stamps that are wall-clock time already are kept.
 * Others keep their spacing and are shifted so that the frame which travelled fastest counts as captured when it
 * arrived: jitter of the transport does not show in the times.
 */
export class Timeline {
  readonly #clock: Clock;
  #offsetMs: number | undefined;
  #leastMs = Infinity;
  #windowEndsAt = 0;
  readonly #last = new Map<number, { ptsMs: number; captureTimeMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * `ptsMs` on the source's time line to epoch milliseconds, for a frame of `track` that has just arrived.
   * Frames in order get rising times, also while a first burst of frames is still moving the offset; a wall clock that is set back is
   * followed at once.
   */
  captureTimeMs(track: number, ptsMs: number): number {
    const last = this.#last.get(track);
    let captureTimeMs = this.#shifted(ptsMs);
    if (last === undefined) this.#last.set(track, { ptsMs, captureTimeMs });
    else if (ptsMs > last.ptsMs) {
      const wasSetBack = last.captureTimeMs - captureTimeMs > JUMP_MS;
      if (!wasSetBack) captureTimeMs = Math.max(captureTimeMs, last.captureTimeMs + LEAST_STEP_MS);
      last.ptsMs = ptsMs;
      last.captureTimeMs = captureTimeMs;
    }
    return captureTimeMs;
  }

  #shifted(ptsMs: number): number {
    const now = this.#clock.now();
    const offset = now - ptsMs;
    if (Math.abs(offset) < WALL_CLOCK_TOLERANCE_MS) return ptsMs;
    if (this.#offsetMs === undefined || offset < this.#offsetMs || offset - this.#offsetMs > JUMP_MS) {
      this.#offsetMs = offset;
      this.#startWindow(now);
    }
    this.#leastMs = Math.min(this.#leastMs, offset);
    if (now >= this.#windowEndsAt) {
      this.#offsetMs = this.#leastMs;
      this.#startWindow(now);
    }
    return ptsMs + this.#offsetMs;
  }

  #startWindow(now: number): void {
    this.#leastMs = Infinity;
    this.#windowEndsAt = now + WINDOW_MS;
  }
}
