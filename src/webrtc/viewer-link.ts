import { BandwidthEstimator, type BandwidthEstimate } from '../rtp/congestion/bandwidth-estimator.ts';
import type { Probe } from '../rtp/congestion/probe-plan.ts';
import { CAREFUL_KBPS, FIRST_KBPS, Pacer } from '../rtp/pacer.ts';
import type { TransportFeedback } from '../rtp/rtcp-types.ts';
import type { Clock, Timer } from '../runtime/clock.ts';

/** The picture leaves a little faster than the estimate, so that it keeps up; slower while a queue has to empty. */
const PACE = 1.2;
const EMPTYING_PACE = 0.8;
/** The first replay leaves faster from feedback to feedback, while nothing tells of the link's end. */
const REPLAY_PACE = 2;
const EMPTYING_QUEUE_MS = 80;
const MIN_PACE_KBPS = 100;
/**
 * No pace is needed where the estimate leaves so much room beyond the best picture, and nothing told of the link's end for so long. Not
 * longer: it is the join of a viewer that fills a link, and what is paced for nothing comes late.
 */
const ROOM = 1.5;
const FULL_MS = 5000;
const FULL_LOSS = 0.02;
/** A viewer far away gets its first picture with some care: nothing is known of the link yet. */
const NEAR_MS = 15;
/** The first feedback comes so long after the first key frame and a round trip, where it is not lost: browsers send it every 50 to 100 ms. */
const FIRST_FEEDBACK_MS = 150;
/** With each report, while none tells of the link's end: a stream that needs more must not wait for ever. */
const UNKNOWN_GROWTH = 1.5;
/** A link that carries so much at least needs no feedback before the rest of a replay: what queues until it comes is soon gone. */
const QUICK_KBPS = 25_000;
const PROBE_SLICE_MS = 2;
/** Beyond what the best picture needs, room spares each picture some time on its way. */
const SPARE = 1.25;

/** What of the rest of a viewer's session is needed here. */
export interface LinkUser {
  /** What the best picture needs, and whether a better one waits for room. */
  wish(): { usefulKbps: number; wanted: boolean };
  /** Sends about that many bytes that the viewer has already; returns how many, 0 where it cannot. */
  pad(bytes: number): number;
  /** Asks the viewer for an answer, behind what was sent. */
  ask(onAnswer: () => void): void;
  onEstimate(estimate: Readonly<BandwidthEstimate>): void;
}

/** The way to one viewer: what it carries, how fast it is sent to, and the bursts that find out more. */
export class ViewerLink {
  readonly pacer: Pacer;
  readonly #clock: Clock;
  readonly #user: LinkUser;
  readonly #estimator: BandwidthEstimator;
  readonly #roundTripMs: number;
  /** Of what left before the first feedback. */
  #firstSentMs: number | undefined;
  #firstBytes = 0;
  /** The first replay has not reached the live edge. */
  #isStarting = false;
  #timer: Timer | undefined;
  /** When the link was last seen full. */
  #fullAtMs = -Infinity;

  /** @param roundTripMs Of the connectivity checks, where it is known. */
  constructor(clock: Clock, user: LinkUser, roundTripMs: number | undefined) {
    this.#clock = clock;
    this.#user = user;
    this.#roundTripMs = roundTripMs ?? 0;
    this.pacer = new Pacer(clock, this.#roundTripMs > NEAR_MS ? CAREFUL_KBPS : undefined);
    this.#estimator = new BandwidthEstimator({ onEstimate: (estimate) => this.#estimated(estimate) });
  }

  get estimate(): Readonly<BandwidthEstimate> {
    return this.#estimator.estimate;
  }

  readonly onSent = (transportSequence: number, bytes: number, atMs: number): void => {
    this.#estimator.onSent(transportSequence, bytes, atMs);
    if (!this.pacer.isHeld) return;
    this.#firstSentMs ??= atMs;
    this.#firstBytes += bytes;
  };

  /** There will be transport-wide feedback: the first key frame is the first probe, and what follows goes by its result, or by an answer that comes sooner. */
  expectFeedback(): void {
    const { pacer } = this;
    this.#isStarting = true;
    pacer.hold(this.#roundTripMs + FIRST_FEEDBACK_MS, () => this.#user.ask(() => this.#answered()));
  }

  /** What was asked behind the key frame is answered: all of it has passed the link, which carries at least so much. */
  #answered(): void {
    const { pacer } = this;
    const passedMs = this.#clock.monotonic() - (this.#firstSentMs ?? -Infinity);
    const kbps = (8 * this.#firstBytes) / passedMs;
    if (pacer.isHeld && kbps >= QUICK_KBPS) pacer.release();
  }

  onTransportFeedback(feedback: TransportFeedback): void {
    this.#estimator.onTransportFeedback(feedback, this.#clock.monotonic());
    this.#tryFaster();
    this.#probe();
  }

  /** REMB, in kbps. */
  onReceiverEstimate(kbps: number): void {
    this.#estimator.onReceiverEstimate(kbps, this.#clock.monotonic());
  }

  /** A receiver report's loss, 0 to 1. */
  onReportedLoss(loss: number): void {
    this.#estimator.onReportedLoss(loss, this.#clock.monotonic());
    this.#tryFaster();
  }

  close(): void {
    this.#timer?.cancel();
    this.pacer.cancel();
  }

  #estimated(estimate: Readonly<BandwidthEstimate>): void {
    const { kbps = 0 } = estimate;
    this.#isStarting &&= this.pacer.isHeld || this.pacer.isWaiting;
    this.pacer.rateKbps = Math.max(MIN_PACE_KBPS, this.#pace(estimate) * kbps);
    this.pacer.isWide = this.#isWide(estimate);
    this.#user.onEstimate(estimate);
    if (this.pacer.isHeld) this.pacer.release();
  }

  #pace({ queueMs, isOutrun }: Readonly<BandwidthEstimate>): number {
    if (queueMs > EMPTYING_QUEUE_MS) return EMPTYING_PACE;
    return this.#isStarting && isOutrun ? REPLAY_PACE : PACE;
  }

  #tryFaster(): void {
    if (this.estimate.kbps !== undefined) return;
    this.pacer.rateKbps = Math.min(FIRST_KBPS, UNKNOWN_GROWTH * this.pacer.rateKbps);
  }

  #isWide({ kbps = 0, queueMs, use, loss }: Readonly<BandwidthEstimate>): boolean {
    const nowMs = this.#clock.monotonic();
    if (use === 'over' || queueMs > EMPTYING_QUEUE_MS || loss > FULL_LOSS) this.#fullAtMs = nowMs;
    if (nowMs - this.#fullAtMs < FULL_MS) return false;
    return kbps >= ROOM * this.#user.wish().usefulKbps;
  }

  #probe(): void {
    const { usefulKbps, wanted } = this.#user.wish();
    const probe = this.#estimator.beginProbe(SPARE * usefulKbps, wanted, this.#clock.monotonic());
    if (probe) this.#sendProbe(probe, 0, this.#clock.monotonic());
  }

  #sendProbe(probe: Probe, sentBytes: number, beganAtMs: number): void {
    const dueBytes = ((this.#clock.monotonic() - beganAtMs + PROBE_SLICE_MS) * probe.kbps) / 8;
    const bytes = Math.min(dueBytes, probe.bytes) - sentBytes;
    const padded = bytes > 0 ? this.#user.pad(bytes) : 0;
    if (sentBytes + padded >= probe.bytes || (bytes > 0 && padded === 0)) return this.#estimator.endProbe();
    this.#timer = this.#clock.after(PROBE_SLICE_MS, () =>
      this.#sendProbe(probe, sentBytes + padded, beganAtMs),
    );
  }
}
