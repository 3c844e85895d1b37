/** What the delay says of the link: its queue is steady, grows, or empties. */
export type LinkUse = 'normal' | 'over' | 'under';

/** Groups in the trend line. */
const WINDOW = 20;
const SMOOTHING = 0.9;
/** From the slope to the unit of the threshold (libwebrtc's trend line estimator). */
const GAIN = 4;
const MAX_GROUPS_COUNTED = 60;
/** A trend must hold this long to be over-use. */
const OVER_USE_MS = 10;
/** The threshold follows the trend slowly up and quickly down (draft-ietf-rmcat-gcc-02 section 5.4). */
const GROW = 0.0087;
const SHRINK = 0.039;
const INITIAL_THRESHOLD = 12.5;
const MIN_THRESHOLD = 6;
const MAX_THRESHOLD = 600;
/** A trend so far above the threshold is a sudden change of the route: it does not move the threshold. */
const MAX_ADAPT = 15;
const MAX_ADAPT_MS = 100;

/**
 * Over-use detector (draft-ietf-rmcat-gcc-02 section 5.4) on a trend line over the accumulated delay of packet groups,
 * as libwebrtc fits it in place of the draft's Kalman filter.
 */
export class DelayDetector {
  use: LinkUse = 'normal';
  threshold = INITIAL_THRESHOLD;
  readonly #arrivedMs = new Float64Array(WINDOW);
  readonly #delayMs = new Float64Array(WINDOW);
  #groups = 0;
  #firstArrivedMs = 0;
  #accumulatedMs = 0;
  #smoothedMs = 0;
  #slope = 0;
  #overUsingMs = -1;
  #overUses = 0;
  #adaptedAtMs = -1;

  reset(): void {
    this.use = 'normal';
    this.#groups = 0;
    this.#accumulatedMs = 0;
    this.#smoothedMs = 0;
    this.#slope = 0;
    this.#overUsingMs = -1;
    this.#overUses = 0;
    this.#adaptedAtMs = -1;
  }

  /** Takes one group's delta. */
  add(sentMs: number, deltaMs: number, arrivedMs: number): void {
    if (this.#groups === 0) this.#firstArrivedMs = arrivedMs;
    this.#accumulatedMs += deltaMs - sentMs;
    this.#smoothedMs = SMOOTHING * this.#smoothedMs + (1 - SMOOTHING) * this.#accumulatedMs;
    const slot = this.#groups % WINDOW;
    this.#arrivedMs[slot] = arrivedMs - this.#firstArrivedMs;
    this.#delayMs[slot] = this.#smoothedMs;
    this.#groups += 1;
    const before = this.#slope;
    if (this.#groups >= WINDOW) this.#slope = this.#fit();
    this.#detect(before, sentMs, arrivedMs);
  }

  /** Slope of the least squares line, ms of delay a ms; the last one where all groups arrived at once. */
  #fit(): number {
    let sumX = 0;
    let sumY = 0;
    for (let i = 0; i < WINDOW; i++) {
      sumX += this.#arrivedMs[i]!;
      sumY += this.#delayMs[i]!;
    }
    const meanX = sumX / WINDOW;
    const meanY = sumY / WINDOW;
    let covariance = 0;
    let variance = 0;
    for (let i = 0; i < WINDOW; i++) {
      const x = this.#arrivedMs[i]! - meanX;
      covariance += x * (this.#delayMs[i]! - meanY);
      variance += x * x;
    }
    return variance === 0 ? this.#slope : covariance / variance;
  }

  #detect(slopeBefore: number, sentMs: number, arrivedMs: number): void {
    if (this.#groups < 2) return;
    const trend = Math.min(this.#groups, MAX_GROUPS_COUNTED) * this.#slope * GAIN;
    if (trend > this.threshold) {
      this.#overUsingMs = this.#overUsingMs < 0 ? sentMs / 2 : this.#overUsingMs + sentMs;
      this.#overUses += 1;
      if (this.#overUsingMs > OVER_USE_MS && this.#overUses > 1 && this.#slope >= slopeBefore) {
        this.#overUsingMs = 0;
        this.#overUses = 0;
        this.use = 'over';
      }
    } else {
      this.#overUsingMs = -1;
      this.#overUses = 0;
      this.use = trend < -this.threshold ? 'under' : 'normal';
    }
    this.#adapt(Math.abs(trend), arrivedMs);
  }

  #adapt(trend: number, nowMs: number): void {
    const sinceMs = this.#adaptedAtMs < 0 ? 0 : nowMs - this.#adaptedAtMs;
    this.#adaptedAtMs = nowMs;
    if (trend > this.threshold + MAX_ADAPT) return;
    const gain = trend < this.threshold ? SHRINK : GROW;
    const moved =
      this.threshold + gain * (trend - this.threshold) * Math.min(Math.max(sinceMs, 0), MAX_ADAPT_MS);
    this.threshold = Math.min(MAX_THRESHOLD, Math.max(MIN_THRESHOLD, moved));
  }
}
