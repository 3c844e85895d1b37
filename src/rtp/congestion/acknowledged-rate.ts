const FIRST_WINDOW_MS = 500;
const WINDOW_MS = 150;
/** Spread of a sample by its distance from the estimate; larger where the sender had little to send. */
const UNCERTAINTY = 10;
const IDLE_UNCERTAINTY = 20;
const INITIAL_VARIANCE = 50;
/** By how much the rate may have changed since the last sample. */
const DRIFT = 5;

/** The rate at which packets arrive, from feedback: libwebrtc's Bayesian estimate over windows of 150 ms. */
export class AcknowledgedRate {
  /** Undefined before the first half second. */
  kbps: number | undefined;
  #variance = INITIAL_VARIANCE;
  #bytes = 0;
  #windowMs = 0;
  #lastMs: number | undefined;

  /** @param appLimited The sender had less to send than it might have. */
  add(bytes: number, arrivedMs: number, appLimited: boolean): void {
    const windowMs = this.kbps === undefined ? FIRST_WINDOW_MS : WINDOW_MS;
    if (this.#lastMs !== undefined) {
      const sinceMs = Math.max(0, arrivedMs - this.#lastMs);
      this.#windowMs += sinceMs;
      if (sinceMs > windowMs) {
        this.#bytes = 0;
        this.#windowMs %= windowMs;
      }
    }
    this.#lastMs = arrivedMs;
    if (this.#windowMs >= windowMs) {
      this.#sample((8 * this.#bytes) / windowMs, appLimited);
      this.#windowMs -= windowMs;
      this.#bytes = 0;
    }
    this.#bytes += bytes;
  }

  #sample(kbps: number, appLimited: boolean): void {
    if (this.kbps === undefined) {
      this.kbps = kbps;
      return;
    }
    const scale = appLimited && kbps < this.kbps ? IDLE_UNCERTAINTY : UNCERTAINTY;
    const uncertainty = (scale * Math.abs(this.kbps - kbps)) / Math.max(this.kbps, 1);
    const sampleVariance = uncertainty * uncertainty;
    const predicted = this.#variance + DRIFT;
    this.kbps = (sampleVariance * this.kbps + predicted * kbps) / (sampleVariance + predicted);
    this.#variance = (sampleVariance * predicted) / (sampleVariance + predicted);
  }
}
