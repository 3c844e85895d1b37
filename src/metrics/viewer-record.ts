import type { RtpSenderStats } from '../rtp/rtp-sender-stats.ts';
import type { ViewerTimeline } from './durations.ts';

/** What is asked of a viewer's session. */
export interface ViewerSource {
  readonly clientId: string;
  readonly timeline: ViewerTimeline;
  /** Of each track that is sent; none before the viewer is connected. */
  stats(): readonly RtpSenderStats[];
  /** Type of our candidate in use: `host`, `srflx`, `prflx` or `relay`. */
  readonly route: string | undefined;
  /** What the link is estimated to carry; undefined where that is not known. */
  readonly estimateKbps?: number | undefined;
  /** How much of the picture its link lets through: `full`, or less. */
  readonly reach?: string;
}

const COUNTED = [
  'packets',
  'payloadBytes',
  'frames',
  'replays',
  'skippedFrames',
  'retransmittedPackets',
  'retransmittedBytes',
  'nackedPackets',
  'unrepairablePackets',
  'pictureLosses',
  'fullIntraRequests',
  'sendErrors',
  'reportedPackets',
  'lostPackets',
] as const satisfies readonly (keyof RtpSenderStats)[];

/** Sums over tracks or viewers. */
export type Totals = Record<(typeof COUNTED)[number], number>;

export function noTotals(): Totals {
  return {
    packets: 0,
    payloadBytes: 0,
    frames: 0,
    replays: 0,
    skippedFrames: 0,
    retransmittedPackets: 0,
    retransmittedBytes: 0,
    nackedPackets: 0,
    unrepairablePackets: 0,
    pictureLosses: 0,
    fullIntraRequests: 0,
    sendErrors: 0,
    reportedPackets: 0,
    lostPackets: 0,
  };
}

/** Of one viewer: bit rate and loss since the last look; round trip and jitter as reported last, the worse of its tracks. */
export interface LinkQuality {
  bitrateKbps: number | undefined;
  roundTripMs: number | undefined;
  lossPercent: number | undefined;
  jitterMs: number | undefined;
  estimateKbps: number | undefined;
}

/** RTP header with extensions, SRTP tag, UDP and IPv4: what a packet costs beyond its payload, about. */
const OVERHEAD_BYTES = 62;

/** Bytes on the wire, about. */
export function wireBytes({ packets, payloadBytes }: Totals): number {
  return payloadBytes + OVERHEAD_BYTES * packets;
}

/** What one viewer was sent, kept through renegotiations, which begin its session's own counts anew. */
export class ViewerRecord {
  readonly source: ViewerSource;
  readonly joinedAtMs: number;
  readonly totals = noTotals();
  #seen = noTotals();
  #measured = noTotals();
  #measuredAtMs: number;

  /** `nowMs` is of the monotonic clock, `joinedAtMs` epoch milliseconds. */
  constructor(source: ViewerSource, joinedAtMs: number, nowMs: number) {
    this.source = source;
    this.joinedAtMs = joinedAtMs;
    this.#measuredAtMs = nowMs;
  }

  /** Adds what was sent since the last call to the viewer's totals and to `shared`. */
  collect(shared: Totals): void {
    const now = noTotals();
    for (const stats of this.source.stats()) for (const name of COUNTED) now[name] += stats[name];
    for (const name of COUNTED) {
      const grown = now[name] >= this.#seen[name] ? now[name] - this.#seen[name] : now[name];
      this.totals[name] += grown;
      shared[name] += grown;
    }
    this.#seen = now;
  }

  /** After `collect`. */
  quality(nowMs: number): LinkQuality {
    const stats = this.source.stats();
    const ms = nowMs - this.#measuredAtMs;
    const grown = (name: keyof Totals) => this.totals[name] - this.#measured[name];
    const [bits, reported, lost] = [
      8 * grown('payloadBytes'),
      grown('reportedPackets'),
      grown('lostPackets'),
    ];
    this.#measuredAtMs = nowMs;
    this.#measured = { ...this.totals };
    return {
      bitrateKbps: ms > 0 && stats.length > 0 ? bits / ms : undefined,
      roundTripMs: worst(stats.map(({ roundTripMs }) => roundTripMs)),
      lossPercent: reported > 0 ? (100 * lost) / reported : undefined,
      jitterMs: worst(stats.map(({ jitterMs }) => jitterMs)),
      estimateKbps: this.source.estimateKbps,
    };
  }
}

function worst(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
