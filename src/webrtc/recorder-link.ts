import { BandwidthEstimator } from '../rtp/congestion/bandwidth-estimator.ts';
import { Pacer } from '../rtp/pacer.ts';
import type { TransportFeedback } from '../rtp/rtcp-types.ts';
import type { Clock } from '../runtime/clock.ts';

/** Live media and what is caught up go at up to so many times the recording's own rate. */
const MOST = 4;
/** No loss below this is worth less speed: radio has so much, and it is repaired. */
const SLIGHT_LOSS = 0.03;
const HEAVY_LOSS = 0.15;
/** It begins with so much of what picture and sound take now: enough to catch up, reports or not. */
const FIRST = 1.5;
/** What slight losses leave of it. */
const NEEDED = 1.25;
/** What heavy ones leave: a link for less than the recording is no use, but not to be flooded. */
const LEAST = 0.25;
/** Of what arrived. */
const AFTER_LOSS = 0.95;
/** With each report, before the first loss and after it. */
const GROWTH = 1.25;
const CAREFUL_GROWTH = 1.08;
/** Reports that come more often tell of the same packets. */
const STEP_MS = 500;

/**
 * How fast a peer that records is sent to: as its transport-wide feedback says, else as its reports of loss do, within what it estimates
 * itself (REMB). Nothing is left out for a slow link, and no bursts look for the end of a fast one: what there is comes late.
 */
export class RecorderLink {
  readonly pacer: Pacer;
  readonly #clock: Clock;
  readonly #mostKbps: number;
  readonly #needKbps: () => number;
  readonly #estimator: BandwidthEstimator;
  #kbps: number;
  #receiverKbps = Infinity;
  #hasFeedback = false;
  #hasLost = false;
  #steppedAtMs: number;

  /**
   * @param recordingKbps What picture and sound may take at most.
   * @param needKbps What they take now.
   */
  constructor(clock: Clock, recordingKbps: number, needKbps: () => number) {
    this.#clock = clock;
    this.#mostKbps = MOST * recordingKbps;
    this.#needKbps = needKbps;
    this.#kbps = FIRST * needKbps();
    this.#steppedAtMs = clock.monotonic();
    this.pacer = new Pacer(clock, this.#kbps);
    this.#estimator = new BandwidthEstimator({ onEstimate: ({ kbps = 0 }) => this.#set(kbps) });
  }

  readonly onSent = (transportSequence: number, bytes: number, atMs: number): void =>
    this.#estimator.onSent(transportSequence, bytes, atMs);

  onTransportFeedback(feedback: TransportFeedback): void {
    this.#hasFeedback = true;
    this.#estimator.onTransportFeedback(feedback, this.#clock.monotonic());
  }

  /** REMB, in kbps. A recording is not given up for it. */
  onReceiverEstimate(kbps: number): void {
    this.#receiverKbps = Math.max(kbps, NEEDED * this.#needKbps());
    this.#set(this.#kbps);
  }

  /** A receiver report's loss, 0 to 1. */
  onReportedLoss(loss: number): void {
    const nowMs = this.#clock.monotonic();
    if (this.#hasFeedback || nowMs - this.#steppedAtMs < STEP_MS) return;
    this.#steppedAtMs = nowMs;
    if (loss < SLIGHT_LOSS) return this.#set(this.#kbps * (this.#hasLost ? CAREFUL_GROWTH : GROWTH));
    this.#hasLost = true;
    const share = loss < HEAVY_LOSS ? NEEDED : LEAST;
    const least = Math.min(this.#kbps, share * this.#needKbps());
    this.#set(Math.max(least, AFTER_LOSS * (1 - loss) * this.#kbps));
  }

  close(): void {
    this.pacer.cancel();
  }

  #set(kbps: number): void {
    this.#kbps = Math.min(Math.max(kbps, LEAST * this.#needKbps()), this.#mostKbps);
    this.pacer.rateKbps = this.#hasFeedback ? this.#kbps : Math.min(this.#kbps, this.#receiverKbps);
  }
}
