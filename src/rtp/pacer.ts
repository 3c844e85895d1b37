import type { Clock, Timer } from '../runtime/clock.ts';

/** Before anything is known of the link. At half of it the pace, not the browser's decoder, decides when a replay reaches the live edge. */
export const FIRST_KBPS = 100_000;
/** The same for a link that may be narrow, or a long way. */
export const CAREFUL_KBPS = 8000;
/** What may leave at once after a pause, and before anything is known: the burst stays small for the link. */
const BURST_MS = 10;
const FIRST_BURST_MS = 2;
/** Sound and repairs never wait; what they overdraw is not held against the picture for longer. */
const MAX_DEBT_MS = 100;
/** Less than this is not worth a timer. */
const MIN_WAIT_MS = 1;

/**
 * The budget of one viewer's link. Sound and repairs leave at once and are charged; the picture leaves as the budget
 * allows. One timer at most, and none while the picture keeps within the budget.
 */
export class Pacer {
  /** The link shows no end: the newest picture leaves whole and at once, and delays none after it. */
  isWide = false;
  /** Nothing is known of the link, and feedback will tell: a replay stops after its key frame until `release`. */
  isHeld = false;
  readonly #clock: Clock;
  #rateKbps: number;
  /** Bytes that may leave now; negative after a packet that took more. */
  #allowance: number;
  #refilledAtMs: number;
  #timer: Timer | undefined;
  #isWaiting = false;
  #holdMs = 0;
  #onHolding = (): void => {};
  #holding: Timer | undefined;
  #heldBack: (() => void) | undefined;

  constructor(clock: Clock, rateKbps = FIRST_KBPS) {
    this.#clock = clock;
    this.#rateKbps = rateKbps;
    this.#allowance = (FIRST_BURST_MS * rateKbps) / 8;
    this.#refilledAtMs = clock.monotonic();
  }

  get rateKbps(): number {
    return this.#rateKbps;
  }

  set rateKbps(kbps: number) {
    this.#refill();
    this.#rateKbps = kbps;
  }

  /** Something is held back by the pace. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Charges bytes that left. */
  spend(bytes: number): void {
    this.#allowance -= bytes;
  }

  /** Bytes that may leave now; the last packet may take more. */
  get allowance(): number {
    this.#refill();
    return this.#allowance;
  }

  /** Of packets that long, `from` … `count - 1`: one past the last that may leave now. */
  affordable(lengths: ArrayLike<number>, from: number, count: number): number {
    let { allowance } = this;
    let to = from;
    while (to < count && allowance > 0) allowance -= lengths[to++]!;
    return to;
  }

  /** Calls `resume` once something may leave again; a later call replaces an earlier one. */
  wait(resume: () => void): void {
    const waitMs = Math.max(MIN_WAIT_MS, (-this.#allowance * 8) / this.#rateKbps);
    this.#timer?.cancel();
    this.#isWaiting = true;
    this.#timer = this.#clock.after(waitMs, () => {
      this.#isWaiting = false;
      resume();
    });
  }

  /**
   * @param maxMs Feedback that has not come so long after the key frame is not waited for.
   * @param onHolding The key frame has left, and the rest begins to wait.
   */
  hold(maxMs: number, onHolding: () => void): void {
    this.isHeld = true;
    this.#holdMs = maxMs;
    this.#onHolding = onHolding;
  }

  /** Calls `resume` once the link is known, or was waited for in vain; a later call replaces an earlier one. */
  waitForRelease(resume: () => void): void {
    this.#heldBack = resume;
    if (this.#holding) return;
    this.#holding = this.#clock.after(this.#holdMs, () => {
      this.rateKbps = Math.min(this.#rateKbps, CAREFUL_KBPS);
      this.release();
    });
    this.#onHolding();
  }

  release(): void {
    this.isHeld = false;
    this.#holding?.cancel();
    const resume = this.#heldBack;
    this.#heldBack = undefined;
    resume?.();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#isWaiting = false;
    this.#heldBack = undefined;
    this.#holding?.cancel();
    this.#holding = undefined;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonic();
    const refill = ((nowMs - this.#refilledAtMs) * this.#rateKbps) / 8;
    const perMs = this.#rateKbps / 8;
    this.#refilledAtMs = nowMs;
    this.#allowance = Math.min(Math.max(this.#allowance, -MAX_DEBT_MS * perMs) + refill, BURST_MS * perMs);
  }
}
