import type { Random } from './random.ts';

export interface BackoffOptions {
  /** Upper bound of the first delay. */
  baseMs: number;
  /** Upper bound that the doubling stops at. */
  maxMs: number;
}

/**
 * Delays in milliseconds, without end: exponential with full jitter, each uniform in [0, min(max, base·2ⁿ)).
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function* backoff({ baseMs, maxMs }: BackoffOptions, random: Random): Generator<number, never> {
  for (let bound = Math.min(baseMs, maxMs); ; bound = Math.min(maxMs, bound * 2)) {
    yield Math.floor(random.float() * bound);
  }
}
