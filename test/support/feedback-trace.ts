import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { BandwidthEstimator } from '../../src/rtp/congestion/bandwidth-estimator.ts';
import type { TransportFeedback } from '../../src/rtp/rtcp-types.ts';

/** A packet that left: transport-wide sequence number, bytes, monotonic time in ms. */
type SentEvent = ['sent', number, number, number];
/** Feedback: when it came, first sequence number, reference time, arrivals. */
type FeedbackEvent = ['feedback', number, number, number, number[]];
export type TraceEvent = SentEvent | FeedbackEvent;

/** Records what every estimator of this process is told, until the returned function writes it (gzipped JSON). */
export function recordFeedback(path: string): () => void {
  const events: TraceEvent[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- called below with the estimator as `this`
  const { onSent, onTransportFeedback } = BandwidthEstimator.prototype;
  BandwidthEstimator.prototype.onSent = function record(sequence, bytes, atMs) {
    events.push(['sent', sequence, bytes, Math.round(atMs * 100) / 100]);
    onSent.call(this, sequence, bytes, atMs);
  };
  BandwidthEstimator.prototype.onTransportFeedback = function record(feedback, nowMs) {
    const { baseSequence, referenceTime, count, arrivals } = feedback;
    const kept = [...arrivals.subarray(0, count)];
    events.push(['feedback', Math.round(nowMs * 100) / 100, baseSequence, referenceTime, kept]);
    onTransportFeedback.call(this, feedback, nowMs);
  };
  return () => writeFileSync(path, gzipSync(JSON.stringify(events)));
}

export function readTrace(path: string): TraceEvent[] {
  return JSON.parse(gunzipSync(readFileSync(path)).toString());
}

/** Tells an estimator what was recorded; `after` is called after each feedback with the seconds since the first. */
export function replayTrace(
  events: readonly TraceEvent[],
  estimator: BandwidthEstimator,
  after: (seconds: number) => void,
): void {
  let firstMs: number | undefined;
  for (const event of events) {
    if (event[0] === 'sent') {
      estimator.onSent(event[1], event[2], event[3]);
      continue;
    }
    const [, nowMs, baseSequence, referenceTime, arrivals] = event;
    const feedback: TransportFeedback = {
      senderSsrc: 1,
      mediaSsrc: 2,
      baseSequence,
      count: arrivals.length,
      referenceTime,
      feedbackCount: 0,
      arrivals: Int32Array.from(arrivals),
    };
    estimator.onTransportFeedback(feedback, nowMs);
    firstMs ??= nowMs;
    after((nowMs - firstMs) / 1000);
  }
}
