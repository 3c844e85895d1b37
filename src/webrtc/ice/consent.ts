import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';

/** RFC 7675 section 5.1. */
const INTERVAL_MS = 5_000;
const EXPIRY_MS = 30_000;

/** Consent freshness (RFC 7675): asks about every 5 s, and expires 30 s after the last answer. */
export class Consent {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ask: () => void;
  readonly #onExpired: () => void;
  #next: Timer | undefined;
  #expiry: Timer | undefined;

  constructor(clock: Clock, random: Random, ask: () => void, onExpired: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#ask = ask;
    this.#onExpired = onExpired;
  }

  /** An answer came: the peer wants what we send. The first one starts the questions. */
  refresh(): void {
    this.#expiry?.cancel();
    this.#expiry = this.#clock.after(EXPIRY_MS, () => {
      this.stop();
      this.#onExpired();
    });
    if (this.#next === undefined) this.#schedule();
  }

  stop(): void {
    this.#next?.cancel();
    this.#expiry?.cancel();
  }

  #schedule(): void {
    const delayMs = INTERVAL_MS * (0.8 + 0.4 * this.#random.float());
    this.#next = this.#clock.after(delayMs, () => {
      this.#ask();
      this.#schedule();
    });
  }
}
