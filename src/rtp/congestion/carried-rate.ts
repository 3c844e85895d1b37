/** Less than this says nothing of a rate. */
const MIN_BYTES = 6000;
const MIN_SPAN_MS = 20;
/** Of the rate at which packets were sent, so much arrives where nothing held them back. */
const IN_STEP = 0.95;
/** A link with a short queue does not delay what it cannot carry, but drops it: more than so much of what was sent. */
const FEW_LOST = 0.1;

/** How fast the packets of one feedback were sent, and how fast they arrived. */
export class CarriedRate {
  /** What the link has carried, without doubt; 0 where too few packets came to say. */
  kbps = 0;
  /** The packets arrived as fast as they were sent, but for a few. */
  isInStep = false;
  #count = 0;
  /** Without the first packet. */
  #bytes = 0;
  #firstSentMs = 0;
  #lastSentMs = 0;
  #firstArrivedMs = 0;
  #lastArrivedMs = 0;

  /** In order of arrival. */
  add(sentMs: number, arrivedMs: number, bytes: number): void {
    this.#count += 1;
    if (this.#count === 1) {
      this.#firstSentMs = sentMs;
      this.#lastSentMs = sentMs;
      this.#firstArrivedMs = arrivedMs;
    } else {
      this.#bytes += bytes;
      this.#firstSentMs = Math.min(this.#firstSentMs, sentMs);
      this.#lastSentMs = Math.max(this.#lastSentMs, sentMs);
    }
    this.#lastArrivedMs = arrivedMs;
  }

  /** All packets of a feedback were added; so many more are missing. */
  settle(missing: number): void {
    const sentMs = this.#lastSentMs - this.#firstSentMs;
    const arrivedMs = this.#lastArrivedMs - this.#firstArrivedMs;
    const isEnough = this.#bytes >= MIN_BYTES && sentMs >= MIN_SPAN_MS && arrivedMs >= MIN_SPAN_MS;
    this.kbps = isEnough ? (8 * this.#bytes) / Math.max(sentMs, arrivedMs) : 0;
    const isWhole = missing <= FEW_LOST * (this.#count + missing);
    this.isInStep = isEnough && isWhole && sentMs >= IN_STEP * arrivedMs;
    this.#count = 0;
    this.#bytes = 0;
  }
}
