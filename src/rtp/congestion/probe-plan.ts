/** Time from one probe to the next where the last one found room, or a better picture is waiting for it. */
const INTERVAL_MS = 2000;
/** Without success the interval grows to this, where more room would give a better picture, and where not. */
const MAX_INTERVAL_MS = 4000;
const MAX_IDLE_INTERVAL_MS = 30_000;
const BACKOFF = 1.4;
/** The queue that over-use left must have gone. */
const AFTER_OVER_USE_MS = 1500;
/** A probe may try this many times the estimate. */
const STEP = 2.5;
/** Growth below this is not worth a probe. */
const WORTHWHILE = 1.1;
/** Feedback that has not come by then will not come. */
const RESULT_TIMEOUT_MS = 1000;
const PROBE_MS = 20;
/** Three large packets and a little. */
const MIN_PROBE_BYTES = 3600;
const MAX_QUEUE_MS = 40;
/** A queue that stays so long though less is sent than the link carries is another's, who leaves more room than it seems. */
const LASTING_MS = 4000;
const MAX_LASTING_QUEUE_MS = 150;

export interface ProbeSituation {
  nowMs: number;
  estimateKbps: number;
  /** The highest rate of any use. */
  usefulKbps: number;
  /** More room would give a better picture at once. */
  wanted: boolean;
  /** Over what the emptiest way takes. */
  queueMs: number;
}

/** A burst to be sent: `bytes` at `kbps`. */
export interface Probe {
  /** 1 to 255; its packets carry it. */
  id: number;
  kbps: number;
  bytes: number;
}

/** Decides when to send a burst that shows whether there is more room than what is sent can show. */
export class ProbePlan {
  #id = 0;
  #intervalMs = INTERVAL_MS;
  #lastAtMs = -Infinity;
  #overUsedAtMs = -Infinity;
  #awaited = false;

  /** The next probe, where it is time for one. */
  next({ nowMs, estimateKbps, usefulKbps, wanted, queueMs }: ProbeSituation): Probe | undefined {
    if (this.#awaited && nowMs - this.#lastAtMs > RESULT_TIMEOUT_MS) this.#failed();
    const intervalMs = wanted ? Math.min(this.#intervalMs, MAX_INTERVAL_MS) : this.#intervalMs;
    const sinceMs = nowMs - this.#lastAtMs;
    const maxQueueMs = wanted && sinceMs > LASTING_MS ? MAX_LASTING_QUEUE_MS : MAX_QUEUE_MS;
    if (
      this.#awaited ||
      sinceMs < intervalMs ||
      nowMs - this.#overUsedAtMs < AFTER_OVER_USE_MS ||
      queueMs > maxQueueMs ||
      usefulKbps < WORTHWHILE * estimateKbps
    )
      return undefined;
    this.#id = (this.#id % 255) + 1;
    this.#lastAtMs = nowMs;
    this.#awaited = true;
    const kbps = Math.min(usefulKbps, STEP * estimateKbps);
    return { id: this.#id, kbps, bytes: Math.max(MIN_PROBE_BYTES, Math.round((kbps * PROBE_MS) / 8)) };
  }

  overUsed(nowMs: number): void {
    this.#overUsedAtMs = nowMs;
  }

  /** The estimate before and after the probe's result: where there was room, the next may follow at once. */
  resulted(beforeKbps: number, afterKbps: number): void {
    if (!this.#awaited) return;
    if (afterKbps < WORTHWHILE * beforeKbps) return this.#failed();
    this.#awaited = false;
    this.#intervalMs = INTERVAL_MS;
    this.#lastAtMs = -Infinity;
  }

  #failed(): void {
    this.#awaited = false;
    this.#intervalMs = Math.min(MAX_IDLE_INTERVAL_MS, BACKOFF * this.#intervalMs);
  }
}
