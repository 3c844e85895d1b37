const BUCKET_MS = 50;

/** The rate over a short time that ends now, in buckets of 50 ms. */
export class RateWindow {
  readonly #bytes: Float64Array;
  #bucket = 0;
  #firstBucket: number | undefined;
  #sum = 0;

  /** @param windowMs A multiple of 50. */
  constructor(windowMs: number) {
    this.#bytes = new Float64Array(windowMs / BUCKET_MS);
  }

  add(bytes: number, atMs: number): void {
    this.#advance(atMs);
    const slot = this.#bucket % this.#bytes.length;
    this.#bytes[slot] = this.#bytes[slot]! + bytes;
    this.#sum += bytes;
  }

  kbps(nowMs: number): number {
    this.#advance(nowMs);
    const buckets = Math.min(this.#bytes.length, this.#bucket - (this.#firstBucket ?? this.#bucket) + 1);
    return (8 * this.#sum) / (buckets * BUCKET_MS);
  }

  #advance(nowMs: number): void {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    this.#firstBucket ??= bucket;
    const steps = bucket - this.#bucket;
    if (steps <= 0 && -steps < this.#bytes.length) return;
    // A long pause, or a clock that was set back.
    if (Math.abs(steps) >= this.#bytes.length) {
      this.#bytes.fill(0);
      this.#sum = 0;
      this.#bucket = bucket;
      return;
    }
    while (this.#bucket < bucket) {
      this.#bucket += 1;
      const slot = this.#bucket % this.#bytes.length;
      this.#sum -= this.#bytes[slot]!;
      this.#bytes[slot] = 0;
    }
  }
}
