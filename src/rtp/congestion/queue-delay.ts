/** The emptiest way is looked for in this time: clocks drift, and routes change. */
const WINDOW_MS = 10_000;

/** How long packets wait on their way, over the shortest way of the last ten seconds or so. The clocks need not agree. */
export class QueueDelay {
  /** The least wait of the packets of the last feedback: jitter is no queue. Milliseconds. */
  ms = 0;
  #least = Infinity;
  #lowest = Infinity;
  #lowestBefore = Infinity;
  #beganAtMs = -Infinity;

  add(sentMs: number, arrivedMs: number): void {
    this.#least = Math.min(this.#least, arrivedMs - sentMs);
    if (sentMs - this.#beganAtMs <= WINDOW_MS) return;
    this.#lowestBefore = this.#lowest;
    this.#lowest = Infinity;
    this.#beganAtMs = sentMs;
  }

  /** All packets of a feedback were added. */
  settle(): void {
    if (this.#least === Infinity) return;
    this.#lowest = Math.min(this.#lowest, this.#least);
    this.ms = this.#least - Math.min(this.#lowest, this.#lowestBefore);
    this.#least = Infinity;
  }
}
