import { BandwidthEstimator } from '../../../../src/rtp/congestion/bandwidth-estimator.ts';
import { NOT_RECEIVED, type TransportFeedback } from '../../../../src/rtp/rtcp-types.ts';

export interface Link {
  kbps: number;
  queueMs: number;
  /** One way, milliseconds. */
  delayMs: number;
  /** Added to each packet, 0 to this; order is kept. */
  jitterMs: number;
  /** 0 to 1. */
  loss: number;
}

const FEEDBACK_MS = 50;
const PACKET_BYTES = 1200;
const FRAME_MS = 33;
const ARRIVALS_PER_MS = 4;

/** A repeatable sequence of numbers in [0, 1). */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** A sender of frames, a link with one queue, and a receiver that reports every 50 ms, in simulated time. */
export class SimulatedLink {
  readonly estimator: BandwidthEstimator;
  readonly link: Link;
  nowMs = 1000;
  /** Of the bottleneck, at the last packet. */
  queueMs = 0;
  /** The most since it was last set to 0. */
  lostPackets = 0;
  readonly #random: () => number;
  #sequence: number;
  #freeAtMs = 0;
  #lastArrivalMs = 0;
  #reportedFrom: number;
  readonly #arrivals = new Map<number, number>();
  #pending: { sequence: number; arrivedAtMs: number }[] = [];
  #reportAtMs = 0;

  constructor(link: Partial<Link> = {}, estimator = new BandwidthEstimator(), seed = 1) {
    this.link = { kbps: 3000, queueMs: 300, delayMs: 20, jitterMs: 0, loss: 0, ...link };
    this.estimator = estimator;
    this.#random = numbers(seed);
    // Close to its wrap.
    this.#sequence = 65_000;
    this.#reportedFrom = this.#sequence;
  }

  /**
   * Lets a sender run that sends frames of `kbps`, or what it says of the time, and answers the wish for a probe.
   *
   * @param usefulKbps The highest rate that is worth a probe.
   */
  run(durationMs: number, rate: number | (() => number), usefulKbps = 0): void {
    const untilMs = this.nowMs + durationMs;
    while (this.nowMs < untilMs) {
      const kbps = typeof rate === 'number' ? rate : rate();
      this.#sendPaced((kbps * FRAME_MS) / 8, Math.max(kbps, 1) * 1.5);
      const probe = usefulKbps > 0 ? this.estimator.beginProbe(usefulKbps, true, this.nowMs) : undefined;
      if (probe) {
        this.#sendPaced(probe.bytes, probe.kbps);
        this.estimator.endProbe();
      }
      this.#wait(FRAME_MS);
    }
  }

  /** Packets in slices of 2 ms, as the pacer sends them. */
  #sendPaced(bytes: number, kbps: number): void {
    let left = bytes;
    for (let offsetMs = 0; left > 0; offsetMs += 2) {
      const slice = Math.min(left, Math.max(PACKET_BYTES, (kbps * 2) / 8));
      for (let rest = slice; rest > 0; rest -= PACKET_BYTES)
        this.#send(Math.round(Math.min(rest, PACKET_BYTES)), this.nowMs + offsetMs);
      left -= slice;
    }
  }

  #send(bytes: number, atMs: number): void {
    const { kbps, queueMs, delayMs, jitterMs, loss } = this.link;
    const sequence = this.#sequence++;
    this.estimator.onSent(sequence & 0xffff, bytes, atMs);
    this.queueMs = Math.max(0, this.#freeAtMs - atMs);
    if (this.queueMs > queueMs || this.#random() < loss) {
      this.lostPackets += 1;
      return;
    }
    this.#freeAtMs = Math.max(this.#freeAtMs, atMs) + (8 * (bytes + 28)) / kbps;
    const arrivedAtMs = Math.max(this.#freeAtMs + delayMs + this.#random() * jitterMs, this.#lastArrivalMs);
    this.#lastArrivalMs = arrivedAtMs;
    this.#pending.push({ sequence, arrivedAtMs });
  }

  #wait(ms: number): void {
    this.nowMs += ms;
    while (this.#reportAtMs + FEEDBACK_MS <= this.nowMs - this.link.delayMs) {
      this.#reportAtMs = Math.max(
        this.#reportAtMs + FEEDBACK_MS,
        this.nowMs - this.link.delayMs - FEEDBACK_MS,
      );
      this.#report(this.#reportAtMs);
    }
  }

  #report(atMs: number): void {
    for (const { sequence, arrivedAtMs } of this.#pending)
      if (arrivedAtMs <= atMs) this.#arrivals.set(sequence, arrivedAtMs);
    this.#pending = this.#pending.filter(({ arrivedAtMs }) => arrivedAtMs > atMs);
    const newest = Math.max(...this.#arrivals.keys());
    if (this.#arrivals.size === 0) return;
    this.estimator.onTransportFeedback(this.#feedback(this.#reportedFrom, newest), this.nowMs);
    this.#reportedFrom = newest + 1;
    this.#arrivals.clear();
  }

  #feedback(from: number, newest: number): TransportFeedback {
    const referenceTime = Math.floor(Math.min(...this.#arrivals.values()) / 64);
    const arrivals = Int32Array.from({ length: newest - from + 1 }, (_, i) => {
      const arrivedAtMs = this.#arrivals.get(from + i);
      if (arrivedAtMs === undefined) return NOT_RECEIVED;
      return Math.round((arrivedAtMs - referenceTime * 64) * ARRIVALS_PER_MS);
    });
    const wrapped = (referenceTime << 8) >> 8;
    const count = arrivals.length;
    const baseSequence = from & 0xffff;
    return {
      senderSsrc: 1,
      mediaSsrc: 2,
      baseSequence,
      count,
      referenceTime: wrapped,
      feedbackCount: 0,
      arrivals,
    };
  }
}
