import type { Random } from '../runtime/random.ts';

/** A session that the service closes sooner than this, without notice, was replaced by another master's. */
const SHORT_LIVED_MS = 60_000;
/** So many in a row are a fight, not a hiccup of the service. */
const FIGHT_AFTER = 3;
/** While fighting, a session must live this long for the fight to be over. */
export const PEACE_MS = 900_000;
const HOLD_OFF_BASE_MS = 30_000;
const HOLD_OFF_MAX_MS = 300_000;

/**
 * Tells two devices on one channel from an outage. A channel has one master and the newest connection wins: two would
 * replace each other for ever, and no viewer could be served by either.
 */
export class Rivalry {
  readonly #random: Random;
  #replacements = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get isFight(): boolean {
    return this.#replacements >= FIGHT_AFTER;
  }

  describe(channelName: string): string {
    return (
      `another master connects to channel "${channelName}" again and again ` +
      `(replaced ${this.#replacements} times in a row): give each device a channel of its own`
    );
  }

  /**
   * The service closed a session in good order, without notice, after `livedMs`. Returns how long to stay away, in
   * milliseconds: 0 unless it is a fight, then 15–30 s, doubling up to 150–300 s.
   */
  replacedAfter(livedMs: number): number {
    const counts = livedMs < (this.isFight ? PEACE_MS : SHORT_LIVED_MS);
    this.#replacements = counts ? this.#replacements + 1 : 1;
    if (!this.isFight) return 0;
    const bound = Math.min(HOLD_OFF_MAX_MS, HOLD_OFF_BASE_MS * 2 ** (this.#replacements - FIGHT_AFTER));
    return Math.floor(bound * (0.5 + this.#random.float() / 2));
  }

  /** A session lived for PEACE_MS. */
  over(): void {
    this.#replacements = 0;
  }
}
