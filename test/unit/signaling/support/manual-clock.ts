import type { Clock, Timer } from '../../../../src/runtime/clock.ts';

interface Pending {
  dueMs: number;
  everyMs: number;
  callback: () => void;
}

/** A clock that stands still until told to move; timers fire in the order they are due. */
export class ManualClock implements Clock {
  /** Added to the monotonic time for the wall clock: set it to move the wall clock alone. */
  epochMs = Date.UTC(2025, 0, 1);
  #nowMs = 0;
  readonly #pending = new Set<Pending>();

  now(): number {
    return this.epochMs + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#add({ dueMs: this.#nowMs + delayMs, everyMs: 0, callback });
  }

  every(intervalMs: number, callback: () => void): Timer {
    return this.#add({ dueMs: this.#nowMs + intervalMs, everyMs: intervalMs, callback });
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#pending].toSorted((a, b) => a.dueMs - b.dueMs);
      if (next === undefined || next.dueMs > untilMs) break;
      this.#nowMs = next.dueMs;
      if (next.everyMs > 0) next.dueMs += next.everyMs;
      else this.#pending.delete(next);
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  #add(pending: Pending): Timer {
    this.#pending.add(pending);
    return { cancel: () => this.#pending.delete(pending) };
  }
}
