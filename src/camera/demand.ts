import type { Clock, Timer } from '../runtime/clock.ts';

/** Whether anybody wants the camera on: holders are counted, and the last one's leaving takes effect later. */
export class Demand {
  readonly #clock: Clock;
  readonly #graceMs: number;
  #holders = 0;
  #wanted = false;
  #graceTimer: Timer | undefined;
  #listener: (wanted: boolean) => void = () => {};

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  /** Told at once of every change; one listener. */
  onChange(listener: (wanted: boolean) => void): void {
    this.#listener = listener;
  }

  /** Wants the camera on until `release` is called (idempotent). */
  acquire(graceMs = this.#graceMs): { release(): void } {
    this.#holders += 1;
    this.#graceTimer?.cancel();
    this.#set(true);
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#holders -= 1;
        if (this.#holders > 0) return;
        this.#graceTimer?.cancel();
        this.#graceTimer = this.#clock.after(graceMs, () => this.#set(false));
      },
    };
  }

  #set(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#listener(wanted);
  }
}
