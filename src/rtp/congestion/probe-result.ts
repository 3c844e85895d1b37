/** Share of the probe's packets and bytes that must have arrived. */
const MIN_SHARE = 0.8;
const MAX_INTERVAL_MS = 1000;
/** What arrived over so long tells the rate before the rest has come. */
const ENOUGH_MS = 10;
/** Packets that arrive as one say nothing of a rate above this many bytes in this time. */
const MIN_INTERVAL_MS = 4;
/** Arriving faster than sent by more than this: a link that held them back, and no measure. */
const MAX_RATIO = 2;
/** Arriving slower than this share of the rate sent: the link was full, and a little less is used of it. */
const UNSATURATED = 0.9;
const UTILISATION = 0.95;

/** Puts together what one burst of packets tells of the link: libwebrtc's ProbeBitrateEstimator, for one probe. */
export class ProbeResult {
  readonly id: number;
  /** Of a burst that may be longer than what it takes for a result. */
  sentBytes = 0;
  /** What is to arrive, at least, for a result. */
  readonly #packets: number;
  readonly #bytes: number;
  #seenPackets = 0;
  #seenBytes = 0;
  #firstSentMs = Infinity;
  #lastSentMs = -Infinity;
  #lastSentBytes = 0;
  #firstArrivedMs = Infinity;
  #lastArrivedMs = -Infinity;
  #firstArrivedBytes = 0;

  constructor(id: number, packets: number, bytes: number) {
    this.id = id;
    this.#packets = packets;
    this.#bytes = bytes;
  }

  add(sentMs: number, arrivedMs: number, bytes: number): void {
    this.#seenPackets += 1;
    this.#seenBytes += bytes;
    if (sentMs < this.#firstSentMs) this.#firstSentMs = sentMs;
    if (sentMs > this.#lastSentMs) {
      this.#lastSentMs = sentMs;
      this.#lastSentBytes = bytes;
    } else if (sentMs === this.#lastSentMs) this.#lastSentBytes += bytes;
    if (arrivedMs < this.#firstArrivedMs) {
      this.#firstArrivedMs = arrivedMs;
      this.#firstArrivedBytes = bytes;
    }
    this.#lastArrivedMs = Math.max(this.#lastArrivedMs, arrivedMs);
  }

  /** Kilobits a second that the link carries, at least; undefined while too little has arrived to say. */
  get kbps(): number | undefined {
    if (this.#seenPackets < MIN_SHARE * this.#packets || this.#seenBytes < MIN_SHARE * this.#bytes)
      return undefined;
    const isWhole = this.#seenBytes >= MIN_SHARE * this.sentBytes;
    if (!isWhole && this.#lastArrivedMs - this.#firstArrivedMs < ENOUGH_MS) return undefined;
    const sentMs = this.#lastSentMs - this.#firstSentMs;
    const arrivedMs = Math.max(MIN_INTERVAL_MS, this.#lastArrivedMs - this.#firstArrivedMs);
    if (sentMs > MAX_INTERVAL_MS || arrivedMs > MAX_INTERVAL_MS) return undefined;
    const arrivedKbps = (8 * (this.#seenBytes - this.#firstArrivedBytes)) / arrivedMs;
    // All sent in one go: only the arrival has a rate.
    const sentKbps = sentMs > 0 ? (8 * (this.#seenBytes - this.#lastSentBytes)) / sentMs : Infinity;
    if (sentMs > 0 && arrivedKbps > MAX_RATIO * sentKbps) return undefined;
    return arrivedKbps < UNSATURATED * sentKbps ? UTILISATION * arrivedKbps : sentKbps;
  }
}
