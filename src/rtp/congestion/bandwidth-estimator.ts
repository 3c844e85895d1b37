import { NOT_RECEIVED, type TransportFeedback } from '../rtcp-types.ts';
import { AcknowledgedRate } from './acknowledged-rate.ts';
import { Arrivals } from './arrivals.ts';
import { CarriedRate } from './carried-rate.ts';
import { DelayDetector, type LinkUse } from './delay-detector.ts';
import { FeedbackSilence } from './feedback-silence.ts';
import { FirstBurst } from './first-burst.ts';
import { LossBound, type LossSituation } from './loss-bound.ts';
import { PacketGroups } from './packet-groups.ts';
import { ProbePlan, type Probe } from './probe-plan.ts';
import { ProbeResult } from './probe-result.ts';
import { QueueDelay } from './queue-delay.ts';
import { RateControl } from './rate-control.ts';
import { RateWindow } from './rate-window.ts';
import { ReferenceTime } from './reference-time.ts';
import { SentPackets } from './sent-packets.ts';

export interface EstimatorOptions {
  minKbps?: number;
  maxKbps?: number;
  /** Called with each new estimate. The object is used again. */
  onEstimate?: (estimate: Readonly<BandwidthEstimate>) => void;
}

/** What is known of the way to one viewer. */
export interface BandwidthEstimate {
  /** What the way carries, of packets with their SRTP, without UDP and IP; undefined before anything is known. */
  kbps: number | undefined;
  /** How long packets wait on their way, over the shortest of late. */
  queueMs: number;
  /** 0 to 1, of the last half second or more. */
  loss: number;
  use: LinkUse;
  sentKbps: number;
  acknowledgedKbps: number | undefined;
  /** As much as the estimate or more was sent of late, and nearly all arrived, as fast: nothing tells of the link's end. */
  isOutrun: boolean;
}

const DEFAULT_MIN_KBPS = 30;
const DEFAULT_MAX_KBPS = 100_000;
/** Feedback after a pause so long tells of another network, perhaps. */
const PAUSE_MS = 2000;
const DEFAULT_ROUND_TRIP_MS = 200;
const SENT_WINDOW_MS = 500;
/** Short: after a change of rendition, what came before it must not count. */
const ARRIVAL_WINDOW_MS = 150;
const APP_LIMITED = 0.8;
/** A key frame makes a queue of its own for a moment. */
const MIN_QUEUE_MS = 60;
/** Browsers send REMB every second; libwebrtc's sender would hold to the last one for ever. */
const RECEIVER_ESTIMATE_MS = 10_000;
const OUTGROWN = 1.25;
const ARRIVAL_MS = 0.25;

/**
 * How much the way to one viewer carries: Google congestion control (draft-ietf-rmcat-gcc-02, as libwebrtc has it) on
 * transport-wide feedback; on the receiver's own estimate (REMB) or its reports of loss where a peer has only those.
 * Pure: time comes with each call, monotonic milliseconds.
 */
export class BandwidthEstimator {
  readonly estimate: BandwidthEstimate = {
    kbps: undefined,
    queueMs: 0,
    loss: 0,
    use: 'normal',
    sentKbps: 0,
    acknowledgedKbps: undefined,
    isOutrun: false,
  };
  readonly #minKbps: number;
  readonly #maxKbps: number;
  readonly #onEstimate: EstimatorOptions['onEstimate'];
  readonly #sent = new SentPackets();
  readonly #sentRate = new RateWindow(SENT_WINDOW_MS);
  readonly #arrivalRate = new RateWindow(ARRIVAL_WINDOW_MS);
  readonly #arrivals = new Arrivals();
  readonly #groups = new PacketGroups();
  readonly #detector = new DelayDetector();
  readonly #acknowledged = new AcknowledgedRate();
  readonly #rate = new RateControl();
  readonly #loss = new LossBound();
  readonly #queue = new QueueDelay();
  readonly #carried = new CarriedRate();
  readonly #plan = new ProbePlan();
  readonly #silence = new FeedbackSilence();
  readonly #first = new FirstBurst();
  readonly #referenceTime = new ReferenceTime();
  #probe: Probe | undefined;
  #result: ProbeResult | undefined;
  #feedbackAtMs = -Infinity;
  #roundTripMs = DEFAULT_ROUND_TRIP_MS;
  /** Of the newest packet, on the receiver's clock. */
  #arrivedAtMs = 0;
  #receiverKbps = Infinity;
  #receiverAtMs = -Infinity;

  constructor({ minKbps, maxKbps, onEstimate }: EstimatorOptions = {}) {
    this.#minKbps = minKbps ?? DEFAULT_MIN_KBPS;
    this.#maxKbps = maxKbps ?? DEFAULT_MAX_KBPS;
    this.#onEstimate = onEstimate;
  }

  /** A packet left. `bytes` with SRTP, without UDP and IP. */
  onSent(transportSequence: number, bytes: number, atMs: number): void {
    const { result } = this.#first;
    const isFirst = this.#first.add(bytes, atMs);
    if (this.#first.result !== result) this.#result = this.#first.result;
    this.#sent.add(transportSequence, bytes, atMs, isFirst ? this.#first.id : (this.#probe?.id ?? 0));
    this.#sentRate.add(bytes, atMs);
    if (this.#hasFeedback && this.#silence.onSent(atMs)) this.#halve(atMs);
  }

  /** A link that nothing is heard from may be dead: what is sent into it only fills its queue. */
  #halve(nowMs: number): void {
    const { kbps } = this.estimate;
    if (kbps === undefined) return;
    this.#rate.set(kbps / 2, nowMs);
    this.estimate.isOutrun = false;
    this.#publish();
  }

  onTransportFeedback(feedback: TransportFeedback, nowMs: number): void {
    const { baseSequence, count, arrivals } = feedback;
    const referenceMs = this.#referenceTime.unwrap(feedback.referenceTime);
    if (nowMs - this.#feedbackAtMs > PAUSE_MS) {
      this.#groups.reset();
      this.#detector.reset();
    }
    this.#feedbackAtMs = nowMs;
    this.#receiverKbps = Infinity;
    this.#silence.onFeedback();
    this.#arrivals.clear();
    let missing = 0;
    for (let i = 0; i < count; i++) {
      const sequence = (baseSequence + i) & 0xffff;
      const arrival = arrivals[i]!;
      const receipt = this.#sent.report(sequence, arrival !== NOT_RECEIVED);
      if (receipt === 'missing') missing += 1;
      else if (receipt === 'found') missing -= 1;
      if (receipt === 'arrived' || receipt === 'found')
        this.#arrivals.add(this.#sent.slot(sequence), referenceMs + arrival * ARRIVAL_MS);
    }
    this.#take(missing, nowMs);
  }

  /** REMB (draft-alvestrand-rmcat-remb-03): counts only where there is no transport-wide feedback. */
  onReceiverEstimate(kbps: number, nowMs: number): void {
    if (this.#hasFeedback) return;
    this.#receiverKbps = kbps;
    this.#receiverAtMs = nowMs;
    this.#update(nowMs);
  }

  /** A receiver report's loss, 0 to 1: counts only where there is no transport-wide feedback. */
  onReportedLoss(loss: number, nowMs: number): void {
    if (this.#hasFeedback) return;
    if (nowMs - this.#receiverAtMs > RECEIVER_ESTIMATE_MS)
      this.#receiverKbps = OUTGROWN * Math.max(this.#minKbps, this.#receiverKbps);
    this.#loss.addShare(loss, this.#lossSituation(nowMs));
    this.#update(nowMs);
  }

  /** A burst that is to be sent now, where one would tell more. Packets belong to it until `endProbe`. */
  beginProbe(usefulKbps: number, wanted: boolean, nowMs: number): Probe | undefined {
    const { kbps, queueMs } = this.estimate;
    if (kbps === undefined || !this.#hasFeedback || this.#probe) return undefined;
    const useful = Math.min(usefulKbps, this.#maxKbps);
    this.#probe = this.#plan.next({ nowMs, estimateKbps: kbps, usefulKbps: useful, wanted, queueMs });
    if (this.#probe) this.#result = new ProbeResult(this.#probe.id, 3, this.#probe.bytes);
    return this.#probe;
  }

  endProbe(): void {
    this.#probe = undefined;
  }

  get #hasFeedback(): boolean {
    return this.#feedbackAtMs !== -Infinity;
  }

  /** Whatever came in one feedback, in order of arrival. */
  #take(missing: number, nowMs: number): void {
    const { count, slots, atMs } = this.#arrivals;
    const { bytes, probe, atMs: sentAtMs } = this.#sent;
    const sentKbps = this.#sentRate.kbps(nowMs);
    const appLimited = this.#isAppLimited(sentKbps);
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      const sentMs = sentAtMs[slot]!;
      const arrivedMs = atMs[i]!;
      this.#acknowledged.add(bytes[slot]!, arrivedMs, appLimited);
      this.#arrivalRate.add(bytes[slot]!, arrivedMs);
      this.#roundTripMs = nowMs - sentMs;
      this.#arrivedAtMs = arrivedMs;
      this.#queue.add(sentMs, arrivedMs);
      this.#carried.add(sentMs, arrivedMs, bytes[slot]!);
      const delta = this.#groups.add(sentMs, arrivedMs);
      if (delta) this.#detector.add(delta.sentMs, delta.arrivedMs, arrivedMs);
      if (probe[slot] === this.#result?.id && sentMs >= this.#first.beganAtMs)
        this.#result?.add(sentMs, arrivedMs, bytes[slot]!);
    }
    this.#queue.settle();
    this.#carried.settle(missing);
    this.#loss.add(count, missing, this.#lossSituation(nowMs));
    if (count > 0) this.#update(nowMs);
  }

  #update(nowMs: number): void {
    const { estimate } = this;
    const sentKbps = this.#sentRate.kbps(nowMs);
    if (this.#hasFeedback) this.#followDelay(sentKbps, nowMs);
    estimate.sentKbps = sentKbps;
    estimate.acknowledgedKbps = this.#acknowledged.kbps;
    estimate.use = this.#use;
    estimate.queueMs = this.#queue.ms;
    estimate.loss = this.#loss.loss;
    this.#publish();
  }

  #publish(): void {
    const { estimate } = this;
    const kbps = Math.min(this.#rate.kbps ?? Infinity, this.#loss.kbps, this.#receiverKbps);
    if (kbps === Infinity) return;
    estimate.kbps = Math.min(this.#maxKbps, Math.max(this.#minKbps, kbps));
    this.#onEstimate?.(estimate);
  }

  #followDelay(sentKbps: number, nowMs: number): void {
    const use = this.#use;
    const rate = this.#rate;
    if (use === 'over') this.#plan.overUsed(nowMs);
    rate.update({
      use,
      acknowledgedKbps: this.#acknowledged.kbps,
      arrivalKbps: this.#arrivalRate.kbps(this.#arrivedAtMs),
      sentKbps,
      appLimited: this.#isAppLimited(sentKbps),
      roundTripMs: this.#roundTripMs,
      nowMs,
    });
    const probed = this.#result?.kbps;
    if (probed !== undefined) this.#probed(probed, use, nowMs);
    this.#followCarried(use, nowMs);
    if (rate.kbps !== undefined) rate.kbps = Math.min(this.#maxKbps, Math.max(this.#minKbps, rate.kbps));
  }

  /** What was carried counts at once while no longer measure of it is there: the first burst may have been too slow to tell much. */
  #followCarried(use: LinkUse, nowMs: number): void {
    const { kbps, isInStep } = this.#carried;
    const before = this.#rate.kbps ?? Infinity;
    this.estimate.isOutrun = use === 'normal' && isInStep && kbps >= before;
    if (this.#acknowledged.kbps === undefined && use === 'normal' && kbps > before)
      this.#rate.set(kbps, nowMs);
  }

  /** What has arrived was carried, whatever the probe says. */
  #probed(kbps: number, use: LinkUse, nowMs: number): void {
    const before = this.#rate.kbps ?? 0;
    this.#result = undefined;
    if (use !== 'over') this.#rate.set(Math.max(kbps, this.#acknowledged.kbps ?? 0), nowMs);
    this.#plan.resulted(before, this.#rate.kbps ?? before);
  }

  #lossSituation(nowMs: number): LossSituation {
    const arrivalKbps = this.#hasFeedback ? this.#arrivalRate.kbps(this.#arrivedAtMs) : undefined;
    return { sentKbps: this.#sentRate.kbps(nowMs), arrivalKbps, roundTripMs: this.#roundTripMs, nowMs };
  }

  /** A trend in the delay without any queue is jitter. */
  get #use(): LinkUse {
    const { use } = this.#detector;
    return use === 'over' && this.#queue.ms < MIN_QUEUE_MS ? 'normal' : use;
  }

  #isAppLimited(sentKbps: number): boolean {
    return this.#rate.kbps !== undefined && sentKbps < APP_LIMITED * this.#rate.kbps;
  }
}
