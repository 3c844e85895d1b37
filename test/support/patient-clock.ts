import { systemClock, type Clock } from '../../src/runtime/clock.ts';

/**
 * The machine's clock, but timers of `limitMs` and more never run out: whoever waits for one of them waits for ever, and nobody misses a
 * bound because the machine is slow.
 */
export function patientClock(limitMs: number): Clock {
  return {
    ...systemClock,
    after: (delayMs, callback) =>
      delayMs < limitMs ? systemClock.after(delayMs, callback) : { cancel: () => {} },
  };
}
