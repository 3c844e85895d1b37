import type { Clock, Timer } from '../../src/runtime/clock.ts';

interface Pending {
  atMs: number;
  callback: () => void;
}

/** A clock that only moves when told to; timers then run in their order. */
export class SimulatedClock implements Clock {
  #nowMs = 0;
  /** Wall clock at the origin of the monotonic one, epoch milliseconds; may be set to let the wall clock jump. */
  wallMs: number;
  readonly #pending = new Set<Pending>();

  constructor(wallMs = 1_700_000_000_000) {
    this.wallMs = wallMs;
  }

  now(): number {
    return this.wallMs + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#pending.add(timer);
    return { cancel: () => this.#pending.delete(timer) };
  }

  every(intervalMs: number, callback: () => void): Timer {
    const tick = (): void => {
      timer = this.after(intervalMs, tick);
      callback();
    };
    let timer = this.after(intervalMs, tick);
    return { cancel: () => timer.cancel() };
  }

  /** Lets `durationMs` pass. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (let next = this.#earliest(endMs); next; next = this.#earliest(endMs)) {
      this.#pending.delete(next);
      this.#nowMs = next.atMs;
      next.callback();
    }
    this.#nowMs = endMs;
  }

  #earliest(endMs: number): Pending | undefined {
    let earliest: Pending | undefined;
    for (const timer of this.#pending) {
      if (timer.atMs <= endMs && (!earliest || timer.atMs < earliest.atMs)) earliest = timer;
    }
    return earliest;
  }
}
