import type { Clock, Timer } from '../runtime/clock.ts';

/** How long something late is waited for. */
const WAIT_MS = 60;
const MAX_WAITING = 50;

/** Puts packets in the order of their 16-bit sequence numbers: at once while none is missing, else after a short wait. */
export class JitterBuffer {
  readonly #clock: Clock;
  readonly #release: (payload: Buffer) => void;
  readonly #waiting = new Map<number, Buffer>();
  #next: number | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, release: (payload: Buffer) => void) {
    this.#clock = clock;
    this.#release = release;
  }

  add(sequence: number, payload: Buffer): void {
    this.#next ??= sequence;
    const ahead = (sequence - this.#next) & 0xffff;
    // What is over already, unless the sender has begun anew.
    if (ahead >= 0x8000 && ahead > 0x1_0000 - MAX_WAITING) return;
    if (ahead > MAX_WAITING) this.#restart(sequence);
    this.#waiting.set(sequence, payload);
    this.#drain();
    if (this.#waiting.size > 0) this.#timer ??= this.#clock.after(WAIT_MS, () => this.#skip());
  }

  close(): void {
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #drain(): void {
    for (;;) {
      const payload = this.#waiting.get(this.#next ?? 0);
      if (!payload || this.#next === undefined) break;
      this.#waiting.delete(this.#next);
      this.#next = (this.#next + 1) & 0xffff;
      this.#release(payload);
    }
    if (this.#waiting.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** What is missing will not be played. */
  #skip(): void {
    this.#timer = undefined;
    const next = this.#next ?? 0;
    const ahead = [...this.#waiting.keys()].map((sequence) => (sequence - next) & 0xffff);
    if (ahead.length === 0) return;
    this.#next = (next + Math.min(...ahead)) & 0xffff;
    this.#drain();
    if (this.#waiting.size > 0) this.#timer ??= this.#clock.after(WAIT_MS, () => this.#skip());
  }

  #restart(sequence: number): void {
    this.#waiting.clear();
    this.#next = sequence;
  }
}
