import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { IceParameters } from '../sdp.ts';
import { checkRequest, roleConflictResponse, successResponse, type Role } from './binding.ts';
import { comparePairs, type CandidatePair } from './candidate-pair.ts';
import type { Candidate } from './candidate.ts';
import { Consent } from './consent.ts';
import type { IceBase } from './ice-base.ts';
import { PairTable } from './pair-table.ts';
import {
  errorCode,
  hasIntegrity,
  isSuccess,
  newTransactionId,
  STUN_ATTRIBUTE,
  type Endpoint,
  type StunMessage,
} from './stun.ts';

/** RFC 8445 section 14.2: the least time between two new checks. */
const PACING_MS = 5;
/** A check of the peer makes us repeat ours at once, but no more often than this. */
const TRIGGER_MS = 20;
/** With a pair in use, others are tried no longer than this many checks. */
const MAX_SPARE_ATTEMPTS = 8;
/** A pair in use that leaves requests without answer for so long may be given up for one that the peer prefers. */
const SILENT_MS = 1_000;
/** Transactions whose answers are still awaited. */
const MAX_OUTSTANDING = 256;

interface Outstanding {
  pair: CandidatePair;
  /** Undefined where it cannot be told which copy was answered. */
  sentAtMs: number | undefined;
  nominating: boolean;
  controlling: boolean;
  onAnswer: (() => void) | undefined;
}

export interface CheckListEvents {
  /** The pair in use; called again when it changes. */
  onSelected(pair: CandidatePair): void;
  onConsentExpired(): void;
}

/**
 * Connectivity checks of one ICE generation (RFC 8445 section 6 and 7). Ours go on until the viewer nominates a pair; each of the
 * viewer's triggers one of ours at once, so that a lost packet costs little. The selected pair follows the viewer's nominations
 * for as long as the session lives: browsers move to a better pair, or away from a dead one, without a restart.
 */
export class CheckList {
  readonly local: IceParameters;
  selected: CandidatePair | undefined;
  /** A request with our password came: somebody is there. */
  heard = false;
  readonly #events: CheckListEvents;
  readonly #clock: Clock;
  readonly #consent: Consent;
  readonly #role: Role = { controlling: false, tieBreaker: randomBytes(8) };
  readonly #table = new PairTable(() => this.#run());
  readonly #outstanding = new Map<string, Outstanding>();
  #remote: IceParameters | undefined;
  #timer: Timer | undefined;
  #pacedUntilMs = 0;
  #wasSelected = false;
  #closed = false;

  constructor(local: IceParameters, events: CheckListEvents, clock: Clock, random: Random) {
    this.local = local;
    this.#events = events;
    this.#clock = clock;
    this.#consent = new Consent(
      clock,
      random,
      () => this.#probe(this.selected),
      () => events.onConsentExpired(),
    );
  }

  /** @param remoteIsLite The peer only answers (RFC 8445 section 6.1.1): then the choice is ours. */
  start(remote: IceParameters, remoteIsLite: boolean): void {
    this.#remote = remote;
    this.#role.controlling = remoteIsLite;
    this.#run();
  }

  addBase(base: IceBase): void {
    this.#table.addBase(base);
    this.#run();
  }

  /** Its pairs go; where the selected one is among them, another that works takes over. */
  removeBase(base: IceBase): void {
    this.#table.removeBase(base);
    if (this.selected?.base !== base) return;
    this.selected = undefined;
    const refuge = this.#table.pairs.find(({ succeeded }) => succeeded);
    if (refuge) this.#select(refuge);
    this.#probe(refuge);
    for (const pair of this.#table.pairs) if (!pair.succeeded) pair.search();
    this.#run();
  }

  /** False when there is no room for more. */
  addRemote(candidate: Candidate): boolean {
    const hasRoom = this.#table.addRemote(candidate, this.selected === undefined);
    this.#run();
    return hasRoom;
  }

  /** A binding request whose integrity is proven (RFC 8445 section 7.3). */
  onRequest(request: StunMessage, from: Endpoint, base: IceBase): void {
    if (this.#closed) return;
    this.heard = true;
    if (!this.#settleRoles(request, from, base)) return;
    base.send(successResponse(request, from, this.local.password), from.port, from.address);
    const pair = this.#table.pairOf(base, from, request.attributes.get(STUN_ATTRIBUTE.priority));
    if (!pair) return;
    if (request.attributes.has(STUN_ATTRIBUTE.useCandidate) && !this.#role.controlling) this.#nominated(pair);
    else if (!pair.succeeded) this.#trigger(pair);
  }

  /** True when the response belongs to one of our checks. */
  onResponse(response: StunMessage, from: Endpoint, base: IceBase): boolean {
    const id = response.transactionId.toString('latin1');
    const outstanding = this.#outstanding.get(id);
    if (!outstanding || !this.#remote || this.#closed) return false;
    const { pair, nominating } = outstanding;
    // RFC 8445 section 7.2.5.2.1: the answer comes the way the request went.
    const isSymmetric =
      pair.base === base && pair.remote.address === from.address && pair.remote.port === from.port;
    if (!isSymmetric || !hasIntegrity(response, this.#remote.password)) return true;
    this.#outstanding.delete(id);
    if (isSuccess(response)) this.#succeeded(pair, outstanding.sentAtMs, nominating);
    else if (errorCode(response) === 487) this.#switchRole(!outstanding.controlling);
    outstanding.onAnswer?.();
    return true;
  }

  /** Something else than a check came this way: the viewer uses the pair already, and word of it (USE-CANDIDATE) was lost. */
  onData(from: Endpoint, base: IceBase): void {
    if (this.selected || this.#role.controlling || this.#closed) return;
    const pair = this.#table.find(base, from);
    if (pair) this.#nominated(pair);
  }

  /** Asks the peer on the pair in use; `onAnswer` is not called where question or answer is lost. */
  ask(onAnswer: () => void): void {
    if (this.selected?.succeeded) this.#check(this.selected, onAnswer);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#consent.stop();
    this.#outstanding.clear();
    this.#table.clear();
  }

  /** False when the peer has to change its role first (RFC 8445 section 7.3.1.1). */
  #settleRoles(request: StunMessage, from: Endpoint, base: IceBase): boolean {
    const { controlling, tieBreaker } = this.#role;
    const claim = controlling ? STUN_ATTRIBUTE.iceControlling : STUN_ATTRIBUTE.iceControlled;
    const theirs = request.attributes.get(claim);
    if (theirs === undefined || theirs.length !== 8) return true;
    const oursIsLarger = Buffer.compare(tieBreaker, theirs) >= 0;
    if (oursIsLarger === controlling) {
      base.send(roleConflictResponse(request, this.local.password), from.port, from.address);
      return false;
    }
    this.#switchRole(!controlling);
    return true;
  }

  #switchRole(controlling: boolean): void {
    this.#role.controlling = controlling;
    for (const pair of this.#table.pairs) {
      pair.check = undefined;
      if (!pair.succeeded) pair.nextCheckAtMs = 0;
    }
    this.#run();
  }

  #nominated(pair: CandidatePair): void {
    const nowMs = this.#clock.monotonic();
    pair.nominatedAtMs = nowMs;
    if (pair === this.selected) return;
    const isFresh = this.selected === undefined || nowMs - pair.answeredAtMs < SILENT_MS;
    if (pair.succeeded && isFresh) this.#consider(pair);
    else this.#trigger(pair);
  }

  /** Moves to a pair that the peer nominated: a better one, or any when the one in use is silent. */
  #consider(pair: CandidatePair): void {
    const { selected } = this;
    if (pair === selected) return;
    const nowMs = this.#clock.monotonic();
    const isSilent = selected !== undefined && nowMs - (selected.unansweredSinceMs ?? nowMs) > SILENT_MS;
    if (!selected || isSilent || comparePairs(pair, selected) <= 0) this.#select(pair);
    else this.#probe(selected);
  }

  #select(pair: CandidatePair): void {
    this.selected = pair;
    if (!this.#wasSelected) this.#consent.refresh();
    this.#wasSelected = true;
    for (const other of this.#table.pairs) {
      other.searching = false;
      other.nominating = other === pair;
    }
    pair.base.prefer(pair.remote.port, pair.remote.address);
    this.#events.onSelected(pair);
  }

  #succeeded(pair: CandidatePair, sentAtMs: number | undefined, nominating: boolean): void {
    const nowMs = this.#clock.monotonic();
    pair.onAnswered(nowMs, sentAtMs);
    if (this.#role.controlling) {
      if (nominating) this.#consider(pair);
      else if (!this.selected) this.#nominate(pair);
    } else if (pair.nominatedAtMs > -Infinity && !this.selected) this.#consider(pair);
    else if (nowMs - pair.nominatedAtMs < 3 * SILENT_MS) this.#consider(pair);
    // The base of the selected pair went away: what works is used until the peer nominates anew.
    if (this.#wasSelected && !this.selected) this.#select(pair);
    if (pair === this.selected) this.#consent.refresh();
  }

  #nominate(pair: CandidatePair): void {
    pair.nominating = true;
    pair.search();
    this.#run();
  }

  #trigger(pair: CandidatePair): void {
    pair.search();
    if (pair.permitted && this.#clock.monotonic() - pair.sentAtMs >= TRIGGER_MS) this.#check(pair);
    else this.#run();
  }

  /** Asks whether the pair still works. */
  #probe(pair: CandidatePair | undefined): void {
    if (pair && this.#clock.monotonic() - pair.sentAtMs >= SILENT_MS / 2) this.#check(pair);
  }

  #check(pair: CandidatePair, onAnswer?: () => void): void {
    if (!this.#remote || this.#closed) return;
    const nowMs = this.#clock.monotonic();
    const { controlling } = this.#role;
    const nominating = controlling && pair.nominating;
    // Consent wants a new transaction each time (RFC 7675 section 5.1).
    const isRepeat = pair.check !== undefined && !pair.succeeded;
    if (!pair.check || !isRepeat) {
      const transactionId = newTransactionId();
      const { candidate } = pair.base;
      const [local, remote, role] = [this.local, this.#remote, this.#role];
      const message = checkRequest(transactionId, local, remote, candidate, role, nominating);
      pair.check = { transactionId, message };
    }
    const { transactionId, message } = pair.check;
    const sentAtMs = isRepeat ? undefined : nowMs;
    this.#remember(transactionId, { pair, sentAtMs, nominating, controlling, onAnswer });
    pair.onSent(nowMs);
    pair.base.send(message, pair.remote.port, pair.remote.address);
  }

  #remember(transactionId: Buffer, outstanding: Outstanding): void {
    const id = transactionId.toString('latin1');
    this.#outstanding.delete(id);
    this.#outstanding.set(id, outstanding);
    if (this.#outstanding.size <= MAX_OUTSTANDING) return;
    for (const [oldest] of this.#outstanding) {
      this.#outstanding.delete(oldest);
      break;
    }
  }

  /** Sends what is due, one check every 5 ms, best pairs first, and waits for the next. */
  #run(): void {
    this.#timer?.cancel();
    if (!this.#remote || this.#closed) return;
    const nowMs = this.#clock.monotonic();
    if (nowMs >= this.#pacedUntilMs) {
      const due = this.#table.pairs.find((pair) => pair.isDue(nowMs));
      if (due) {
        this.#check(due);
        this.#pacedUntilMs = nowMs + PACING_MS;
        if (this.selected && due.attempts >= MAX_SPARE_ATTEMPTS) due.searching = false;
      }
    }
    let nextMs = Infinity;
    for (const pair of this.#table.pairs)
      if (pair.searching && pair.permitted) nextMs = Math.min(nextMs, pair.nextCheckAtMs);
    if (nextMs === Infinity) return;
    this.#timer = this.#clock.after(Math.max(nextMs, this.#pacedUntilMs) - nowMs, () => this.#run());
  }
}
