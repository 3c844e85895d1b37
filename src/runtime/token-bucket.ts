import type { Clock } from './clock.ts';

export interface Rate {
  /** How many at once. */
  burst: number;
  perSecond: number;
}

/** Bounds how often something is done, whoever asks for it. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Clock;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#at = clock.monotonic();
  }

  /** False when it would be too often. */
  take(): boolean {
    if (!this.has(1)) return false;
    this.#tokens -= 1;
    return true;
  }

  has(count: number): boolean {
    return this.left >= count;
  }

  /** Negative where more was charged than there was. */
  get left(): number {
    this.#refill();
    return this.#tokens;
  }

  /** For what cannot be refused any more: makes up for it later. */
  charge(count: number): void {
    this.#tokens -= count;
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const { burst, perSecond } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1_000) * perSecond);
    this.#at = now;
  }
}
