const BUCKETS = 10;

/** The rate over a short time that ends now, in ten buckets. */
export class RateWindow {
  readonly #bucketMs: number;
  readonly #bytes = new Float64Array(BUCKETS);
  #bucket = 0;
  #firstBucket: number | undefined;
  #sum = 0;

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  add(bytes: number, atMs: number): void {
    this.#advance(atMs);
    const slot = this.#bucket % BUCKETS;
    this.#bytes[slot] = this.#bytes[slot]! + bytes;
    this.#sum += bytes;
  }

  kbps(nowMs: number): number {
    this.#advance(nowMs);
    const whole = Math.min(BUCKETS - 1, this.#bucket - (this.#firstBucket ?? this.#bucket));
    const begun = Math.min(1, Math.max(0, nowMs / this.#bucketMs - this.#bucket));
    // A moment's packets are not a rate.
    return (8 * this.#sum) / (Math.max(1, whole + begun) * this.#bucketMs);
  }

  #advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / this.#bucketMs);
    this.#firstBucket ??= bucket;
    const steps = bucket - this.#bucket;
    if (steps <= 0 && -steps < BUCKETS) return;
    // A long pause, or a clock that was set back.
    if (Math.abs(steps) >= BUCKETS) {
      this.#bytes.fill(0);
      this.#sum = 0;
      this.#bucket = bucket;
      return;
    }
    while (this.#bucket < bucket) {
      this.#bucket += 1;
      const slot = this.#bucket % BUCKETS;
      this.#sum -= this.#bytes[slot]!;
      this.#bytes[slot] = 0;
    }
  }
}
