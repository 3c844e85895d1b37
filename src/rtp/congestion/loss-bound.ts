/** Losses up to this are not the sender's doing (radio), or not worth a worse picture. */
const TOLERATED = 0.15;
const HARMLESS = 0.02;
/** Of the loss, this share is taken off the rate (draft-ietf-rmcat-gcc-02 section 6). */
const DECREASE = 0.5;
const GROWTH_PER_SECOND = 1.08;
/** Losses are counted over at least this many packets and this time: ten of a hundred may be fifteen by chance. */
const MIN_PACKETS = 100;
const WINDOW_MS = 1000;
const DECREASE_INTERVAL_MS = 300;
/** Growth of a bound that is this far above what is sent has no meaning any more. */
const RELEASE = 2;

/** What else is known when losses are. */
export interface LossSituation {
  sentKbps: number;
  /** What arrived of late; undefined where that is not known. */
  arrivalKbps: number | undefined;
  roundTripMs: number;
  nowMs: number;
}

/**
 * What the loss allows (draft-ietf-rmcat-gcc-02 section 6). It tolerates more than the tenth of the draft: random
 * loss of ten in a hundred is repaired, and sending less would not lessen it. Without losses there is no bound.
 */
export class LossBound {
  kbps = Infinity;
  /** Share of the packets lost in the last window, 0 to 1. */
  loss = 0;
  #arrived = 0;
  #lost = 0;
  #windowAtMs: number | undefined;
  #decreasedAtMs = -Infinity;
  #grownAtMs = 0;

  /** @param lost May be negative: packets given up earlier that came after all. */
  add(arrived: number, lost: number, situation: LossSituation): void {
    const { nowMs } = situation;
    this.#windowAtMs ??= nowMs;
    this.#arrived += arrived;
    this.#lost += lost;
    const packets = this.#arrived + this.#lost;
    if (nowMs - this.#windowAtMs < WINDOW_MS || packets < MIN_PACKETS) return;
    const loss = Math.max(0, this.#lost / packets);
    this.#arrived = 0;
    this.#lost = 0;
    this.#windowAtMs = nowMs;
    this.addShare(loss, situation);
  }

  /** Takes the share of a whole report. */
  addShare(loss: number, situation: LossSituation): void {
    // Two windows in a row must tell of it.
    const confirmed = Math.min(loss, this.loss);
    this.loss = loss;
    if (confirmed > TOLERATED) this.#decrease(confirmed, situation);
    else if (loss < TOLERATED) this.#grow(loss, situation);
  }

  /** What arrives is carried, however much is lost beside it. */
  #decrease(loss: number, { sentKbps, arrivalKbps = 0, roundTripMs, nowMs }: LossSituation): void {
    if (nowMs - this.#decreasedAtMs < DECREASE_INTERVAL_MS + roundTripMs) return;
    const lowered = Math.min(this.kbps, sentKbps) * (1 - DECREASE * loss);
    this.kbps = Math.max(lowered, Math.min(this.kbps, arrivalKbps));
    this.#decreasedAtMs = nowMs;
    this.#grownAtMs = nowMs;
  }

  /** Where nothing else is known (no `arrivalKbps`), it is the estimate: it grows until there is room for the best picture. */
  #grow(loss: number, { sentKbps, arrivalKbps, nowMs }: LossSituation): void {
    if (this.kbps === Infinity) return;
    const seconds = Math.min(1, Math.max(0, nowMs - this.#grownAtMs) / 1000);
    this.#grownAtMs = nowMs;
    this.kbps = this.kbps * GROWTH_PER_SECOND ** seconds + 1;
    if (arrivalKbps !== undefined && loss < HARMLESS && this.kbps > RELEASE * sentKbps) this.kbps = Infinity;
  }
}
