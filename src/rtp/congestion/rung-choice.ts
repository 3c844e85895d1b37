/** One rendition and what it takes of the link, sound and headers included. */
export interface Rung {
  readonly name: string;
  readonly kbps: number;
}

/**
 * How much of a rendition a viewer gets. `thinned`: as much of each group of pictures as the link carries, near the live
 * edge; `keyframes`: nothing else; `audio`: sound only.
 */
export type Reach = 'full' | 'thinned' | 'keyframes' | 'audio';

export interface Choice {
  /** Index into the rungs. */
  rung: number;
  reach: Reach;
}

/** A rendition is taken where the link carries this much more than it needs. */
const HEADROOM = 1.1;
/** And only after it has for so long. */
const RISE_HOLD_MS = 300;
/** An estimate a little below the need passes often; well below, it is acted upon soon. */
const TOLERANCE = 0.95;
const FALL_HOLD_MS = 1200;
const BREAKDOWN = 0.8;
const BREAKDOWN_HOLD_MS = 250;
/** A rise that had to be taken back is not tried again for this long, then for twice as long. */
const FAILED_RISE_MS = 5000;
const MIN_PENALTY_MS = 2000;
const MAX_PENALTY_MS = 30_000;
/** Of the lowest rendition's need. */
const THINNED_BELOW = 0.9;
const KEYFRAMES_BELOW = 0.45;
const AUDIO_BELOW = 0.2;
/** To get more again takes this much more than to get less. */
const REACH_HYSTERESIS = 1.25;

/** Chooses a rendition for one viewer by what its link carries: down quickly, up with care. Pure. */
export class RungChoice {
  #choice: Choice = { rung: 0, reach: 'full' };
  #isFirst = true;
  #riseSinceMs: number | undefined;
  #fallSinceMs: number | undefined;
  #roseAtMs = -Infinity;
  #penaltyMs = MIN_PENALTY_MS;
  #barredUntilMs = -Infinity;

  /** @param rungs Best first, never empty. */
  choose(rungs: readonly Rung[], estimateKbps: number, nowMs: number): Readonly<Choice> {
    const current = Math.min(this.#choice.rung, rungs.length - 1);
    const rung = this.#isFirst
      ? fitting(rungs, estimateKbps, HEADROOM)
      : this.#next(rungs, current, estimateKbps, nowMs);
    this.#isFirst = false;
    const reach = rung === rungs.length - 1 ? this.#reach(estimateKbps / rungs[rung]!.kbps) : 'full';
    this.#choice = { rung, reach };
    return this.#choice;
  }

  #next(rungs: readonly Rung[], current: number, estimateKbps: number, nowMs: number): number {
    const need = rungs[current]!.kbps;
    const better = fitting(rungs, estimateKbps, HEADROOM);
    if (estimateKbps < TOLERANCE * need && current < rungs.length - 1) {
      this.#riseSinceMs = undefined;
      this.#fallSinceMs ??= nowMs;
      const holdMs = estimateKbps < BREAKDOWN * need ? BREAKDOWN_HOLD_MS : FALL_HOLD_MS;
      const isDue = nowMs - this.#fallSinceMs >= holdMs;
      return isDue ? this.#fall(fitting(rungs, estimateKbps, 1), nowMs) : current;
    }
    this.#fallSinceMs = undefined;
    if (better >= current || nowMs < this.#barredUntilMs) {
      this.#riseSinceMs = undefined;
      return current;
    }
    this.#riseSinceMs ??= nowMs;
    if (nowMs - this.#riseSinceMs < RISE_HOLD_MS) return current;
    this.#riseSinceMs = undefined;
    this.#roseAtMs = nowMs;
    return better;
  }

  #fall(rung: number, nowMs: number): number {
    this.#fallSinceMs = undefined;
    if (nowMs - this.#roseAtMs < FAILED_RISE_MS) {
      this.#barredUntilMs = nowMs + this.#penaltyMs;
      this.#penaltyMs = Math.min(MAX_PENALTY_MS, 2 * this.#penaltyMs);
    } else {
      this.#penaltyMs = MIN_PENALTY_MS;
    }
    return rung;
  }

  #reach(share: number): Reach {
    const { reach } = this.#choice;
    if (isBelow(share, AUDIO_BELOW, reach === 'audio')) return 'audio';
    if (isBelow(share, KEYFRAMES_BELOW, reach === 'audio' || reach === 'keyframes')) return 'keyframes';
    return isBelow(share, THINNED_BELOW, reach !== 'full') ? 'thinned' : 'full';
  }
}

/** @param wasBelow Then it takes more to be above again. */
function isBelow(share: number, threshold: number, wasBelow: boolean): boolean {
  return share < (wasBelow ? REACH_HYSTERESIS * threshold : threshold);
}

/** The best rung that the link carries with this headroom; the lowest where it carries none. */
function fitting(rungs: readonly Rung[], estimateKbps: number, headroom: number): number {
  const index = rungs.findIndex(({ kbps }) => kbps * headroom <= estimateKbps);
  return index < 0 ? rungs.length - 1 : index;
}
