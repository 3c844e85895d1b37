import type { Candidate } from './candidate.ts';
import type { IceBase } from './ice-base.ts';

/** First wait for an answer to a check; it doubles. RFC 8445 section 14.3 has 500 ms, browsers use about 50. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 400;

/** A local base and a remote candidate, and what is known of the way between them. */
export class CandidatePair {
  readonly base: IceBase;
  remote: Candidate;
  /** The base lets this peer in. */
  permitted = false;
  /** Checks are repeated until one is answered. */
  searching: boolean;
  succeeded = false;
  /** The check that is under way: repeated as it is, so that an answer to any copy counts. */
  check: { transactionId: Buffer; message: Buffer } | undefined;
  attempts = 0;
  nextCheckAtMs = 0;
  /** Ours to nominate, where we are controlling. */
  nominating = false;
  /** When the peer last asked for this pair (USE-CANDIDATE). */
  nominatedAtMs = -Infinity;
  sentAtMs = -Infinity;
  answeredAtMs = -Infinity;
  /** The first request since the last answer. */
  unansweredSinceMs: number | undefined;
  roundTripTimeMs: number | undefined;

  constructor(base: IceBase, remote: Candidate, searching: boolean) {
    this.base = base;
    this.remote = remote;
    this.searching = searching;
  }

  /** Checks begin anew. */
  search(): void {
    this.searching = true;
    this.attempts = 0;
    this.nextCheckAtMs = 0;
  }

  isDue(nowMs: number): boolean {
    return this.searching && this.permitted && nowMs >= this.nextCheckAtMs;
  }

  onSent(nowMs: number): void {
    this.sentAtMs = nowMs;
    this.unansweredSinceMs ??= nowMs;
    this.nextCheckAtMs = nowMs + Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.attempts);
    this.attempts += 1;
  }

  onAnswered(nowMs: number, sentAtMs: number | undefined): void {
    this.succeeded = true;
    this.searching = false;
    this.check = undefined;
    this.answeredAtMs = nowMs;
    this.unansweredSinceMs = undefined;
    if (sentAtMs !== undefined) this.roundTripTimeMs = nowMs - sentAtMs;
  }
}

/** Negative when `a` is the better pair (RFC 8445 section 6.1.2.3; the lower of the two priorities decides first). */
export function comparePairs(a: CandidatePair, b: CandidatePair): number {
  const [aLow, aHigh] = priorities(a);
  const [bLow, bHigh] = priorities(b);
  return bLow - aLow || bHigh - aHigh;
}

function priorities({ base, remote }: CandidatePair): [low: number, high: number] {
  const local = base.candidate.priority;
  return [Math.min(local, remote.priority), Math.max(local, remote.priority)];
}

export function canPair(base: IceBase, remote: Candidate): boolean {
  return remote.transport === 'udp' && base.candidate.address.includes(':') === remote.address.includes(':');
}
