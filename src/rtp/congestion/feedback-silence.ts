/** Feedback comes every 50 to 250 ms; a pause this long is an outage. */
const SILENCE_MS = 2000;
/** While it lasts, the estimate halves in this time. */
const STEP_MS = 1000;

/** Notices that nothing is heard of what is sent. A sender that pauses waits for nothing. */
export class FeedbackSilence {
  #halveAtMs = Infinity;

  /** A packet left; true where half of the estimate is to be given up. */
  onSent(atMs: number): boolean {
    if (this.#halveAtMs === Infinity) this.#halveAtMs = atMs + SILENCE_MS;
    if (atMs < this.#halveAtMs) return false;
    this.#halveAtMs += STEP_MS;
    return true;
  }

  onFeedback(): void {
    this.#halveAtMs = Infinity;
  }
}
