const WEIGHT = 0.05;
const MIN_DEVIATION = 0.4;
const MAX_DEVIATION = 2.5;
const INITIAL_DEVIATION = MIN_DEVIATION;

/** Where the link was full before: mean and spread of the rates that over-used it. Near it, rates grow with care. */
export class LinkCapacity {
  #kbps: number | undefined;
  #deviation = INITIAL_DEVIATION;

  get kbps(): number | undefined {
    return this.#kbps;
  }

  /** Three standard deviations around the mean; everything, where nothing is known. */
  isNear(kbps: number): boolean {
    if (this.#kbps === undefined) return true;
    return Math.abs(kbps - this.#kbps) <= 3 * Math.sqrt(this.#deviation * this.#kbps);
  }

  isBelow(kbps: number): boolean {
    return this.#kbps !== undefined && kbps > this.#kbps && !this.isNear(kbps);
  }

  forget(): void {
    this.#kbps = undefined;
    this.#deviation = INITIAL_DEVIATION;
  }

  /** The link was over-used while this rate arrived. */
  learn(kbps: number): void {
    const mean = this.#kbps === undefined ? kbps : (1 - WEIGHT) * this.#kbps + WEIGHT * kbps;
    const error = mean - kbps;
    const deviation = (1 - WEIGHT) * this.#deviation + (WEIGHT * error * error) / Math.max(mean, 1);
    this.#kbps = mean;
    this.#deviation = Math.min(MAX_DEVIATION, Math.max(MIN_DEVIATION, deviation));
  }
}
