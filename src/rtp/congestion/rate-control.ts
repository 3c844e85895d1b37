import type { LinkUse } from './delay-detector.ts';
import { LinkCapacity } from './link-capacity.ts';

/** What is left of the arriving rate after over-use (draft-ietf-rmcat-gcc-02 section 5.5: beta). */
const DECREASE = 0.85;
/** Growth in a second far from the link's capacity (eta). */
const GROWTH = 1.08;
const MIN_GROWTH_KBPS = 1;
const MIN_CAREFUL_GROWTH_KBPS_PER_SECOND = 4;
/** Never more than this many times what arrives, and a little: what was never sent was never proven. */
const UNPROVEN = 1.5;
const UNPROVEN_KBPS = 10;
const PACKET_BITS = 1200 * 8;
const FRAMES_PER_SECOND = 30;
const RESPONSE_MS = 100;
const MIN_DECREASE_INTERVAL_MS = 10;
const MAX_DECREASE_INTERVAL_MS = 200;
/** Of what is sent, this much arrives in step where the link is not full. */
const IN_STEP = 0.9;

/** What is known at one feedback. */
export interface LinkState {
  use: LinkUse;
  /** What arrives; undefined before it is known. */
  acknowledgedKbps: number | undefined;
  /** What arrived in the last moment: less smooth, and sooner. */
  arrivalKbps: number;
  /** What was sent of late. */
  sentKbps: number;
  /** The sender has less to send than it might. */
  appLimited: boolean;
  roundTripMs: number;
  nowMs: number;
}

/**
 * Additive increase, multiplicative decrease on what the delay says (draft-ietf-rmcat-gcc-02 section 5.5, libwebrtc's
 * AimdRateControl). Two rules are ours, for a sender that has a few fixed rates to choose from and so nearly always sends
 * less than it might: what arrives in step proves that the link carries it; and over-use at a rate that still arrives
 * whole costs a share of the estimate, not all that lies above that rate.
 */
export class RateControl {
  /** Undefined until a probe or over-use has shown where the link ends. */
  kbps: number | undefined;
  readonly #capacity = new LinkCapacity();
  #mode: 'hold' | 'increase' = 'hold';
  #changedAtMs = -Infinity;

  /** A probe found this. */
  set(kbps: number, nowMs: number): void {
    this.kbps = kbps;
    this.#changedAtMs = nowMs;
  }

  update(state: LinkState): void {
    const { use, acknowledgedKbps, nowMs } = state;
    if (use === 'over') return this.#decrease(state);
    if (use === 'under') {
      this.#mode = 'hold';
      return;
    }
    if (acknowledgedKbps === undefined || this.kbps === undefined) return;
    if (this.#mode === 'hold') {
      this.#mode = 'increase';
      this.#changedAtMs = nowMs;
    }
    this.#increase(state, this.kbps, acknowledgedKbps);
  }

  #increase(
    { arrivalKbps, roundTripMs, nowMs, appLimited }: LinkState,
    kbps: number,
    acknowledgedKbps: number,
  ): void {
    const before = Math.max(kbps, Math.min(acknowledgedKbps, arrivalKbps));
    if (this.#capacity.isBelow(acknowledgedKbps)) this.#capacity.forget();
    const limit = appLimited ? before : UNPROVEN * acknowledgedKbps + UNPROVEN_KBPS;
    const seconds = Math.min(1, Math.max(0, nowMs - this.#changedAtMs) / 1000);
    const growth =
      this.#capacity.kbps === undefined
        ? Math.max(MIN_GROWTH_KBPS, before * (GROWTH ** seconds - 1))
        : seconds * carefulGrowth(before, roundTripMs);
    this.kbps = before < limit ? Math.min(before + growth, limit) : before;
    this.#changedAtMs = nowMs;
  }

  #decrease(state: LinkState): void {
    const { appLimited, sentKbps, nowMs } = state;
    if (!this.#mayDecrease(state)) return;
    const before = this.kbps;
    if (state.acknowledgedKbps === undefined) {
      if (before !== undefined) this.set(before / 2, nowMs);
      return;
    }
    const acknowledgedKbps = state.arrivalKbps;
    const arrivesInStep = acknowledgedKbps >= IN_STEP * sentKbps;
    if (appLimited && arrivesInStep && before !== undefined) {
      this.kbps = Math.max(DECREASE * before, Math.min(before, acknowledgedKbps));
    } else {
      // What the link carried before it changed says nothing of it.
      if (!this.#capacity.isNear(acknowledgedKbps)) this.#capacity.forget();
      const isAbove = before !== undefined && acknowledgedKbps * DECREASE > before;
      const lowered = DECREASE * (isAbove ? (this.#capacity.kbps ?? before) : acknowledgedKbps);
      this.kbps = Math.min(before ?? Infinity, lowered);
      this.#capacity.learn(acknowledgedKbps);
    }
    this.#mode = 'hold';
    this.#changedAtMs = nowMs;
  }

  /** Once a round trip, so that the last decrease has shown; sooner where the rate has broken down. */
  #mayDecrease({ arrivalKbps, roundTripMs, nowMs }: LinkState): boolean {
    const intervalMs = Math.min(MAX_DECREASE_INTERVAL_MS, Math.max(MIN_DECREASE_INTERVAL_MS, roundTripMs));
    if (nowMs - this.#changedAtMs >= intervalMs) return true;
    return this.kbps !== undefined && arrivalKbps < this.kbps / 2;
  }
}

/** Kilobits a second in each second: about a packet each response time. */
function carefulGrowth(kbps: number, roundTripMs: number): number {
  const frameBits = (kbps * 1000) / FRAMES_PER_SECOND;
  const packetBits = frameBits / Math.max(1, Math.ceil(frameBits / PACKET_BITS));
  return Math.max(MIN_CAREFUL_GROWTH_KBPS_PER_SECOND, packetBits / (roundTripMs + RESPONSE_MS));
}
