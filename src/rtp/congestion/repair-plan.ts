/** Where more than this share is lost, what mends it is lost too. */
const LOSSY = 0.03;
/** What is lost where more than this waits, a full queue has lost. */
const FULL_QUEUE_MS = 60;
/** A link that lost much may do so again: radio comes and goes. */
const CALM_MS = 10_000;
/** A browser that only receives does not know the round trip, and asks for a packet again after this long. */
const ASKS_AGAIN_MS = 100;
const MAX_PLAYOUT_MS = 500;
/** A browser heeds a longer delay at once, and its picture stands still meanwhile: 150 ms more than a frame's time count as a freeze. */
const RISE = { ms: 100, everyMs: 500 };

/**
 * How losses are mended so that the picture does not stop for them: each repetition goes twice unless the link is full,
 * and on a link that loses much the viewer is told to show the picture a little later, so that a second repetition is
 * still in time. Pure.
 */
export class RepairPlan {
  /** Of each repetition. */
  copies: 1 | 2 = 1;
  /** Shortest time from a picture's arrival to its showing, beyond what jitter takes; 0 where nothing is asked of the viewer. */
  playoutDelayMs = 0;
  #wantedPlayoutMs = 0;
  #raisedAtMs = -Infinity;
  #lossyAtMs = -Infinity;
  #loss = 0;
  #lossBefore = 0;

  /**
   * @param loss Share of all packets in the last window, 0 to 1. Two windows in a row must tell of it: three of a hundred are chance.
   */
  update(loss: number, queueMs: number, roundTripMs: number | undefined, nowMs: number): void {
    if (loss !== this.#loss) {
      this.#lossBefore = this.#loss;
      this.#loss = loss;
    }
    if (Math.min(loss, this.#lossBefore) >= LOSSY) this.#lossyAtMs = nowMs;
    const isLossy = nowMs - this.#lossyAtMs < CALM_MS;
    this.copies = queueMs > FULL_QUEUE_MS ? 1 : 2;
    if (!isLossy) this.#wantedPlayoutMs = 0;
    else if (this.#wantedPlayoutMs === 0 && roundTripMs !== undefined)
      this.#wantedPlayoutMs = Math.min(MAX_PLAYOUT_MS, ASKS_AGAIN_MS + 10 * Math.round(roundTripMs / 5));
    this.#approachPlayout(nowMs);
  }

  #approachPlayout(nowMs: number): void {
    const isRise = this.playoutDelayMs < this.#wantedPlayoutMs;
    if (isRise && nowMs - this.#raisedAtMs < RISE.everyMs) return;
    if (isRise) this.#raisedAtMs = nowMs;
    this.playoutDelayMs = Math.min(this.#wantedPlayoutMs, this.playoutDelayMs + RISE.ms);
  }
}
