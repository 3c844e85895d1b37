import { errorText } from '../errors.ts';
import { TokenBucket } from '../runtime/token-bucket.ts';
import { EarlyCandidates } from './early-candidates.ts';
import { negotiate, type Negotiation } from './negotiate.ts';
import { parseOffer, type Offer } from './sdp.ts';
import type { SessionEnd } from './session-end.ts';
import { StoragePeer, type RecordingListener } from './storage-peer.ts';
import type { StorageOptions } from './storage-status.ts';
import { ViewerSession } from './viewer-session.ts';

/** Frames of the storage side name no client. */
const NOBODY = '';
/** An offer that comes later than this after the last request is none of ours: signaling keeps offers for up to two minutes. */
const OFFER_LIFETIME_MS = 30_000;
const OFFERS = { burst: 8, perSecond: 0.2 };

/** Answers the storage side's offers: each with a peer of its own, the newest of which is the one that counts. */
export class StorageOffers {
  readonly #options: StorageOptions;
  readonly #counters: { offers: number; ignoredOffers: number };
  readonly #listener: RecordingListener;
  readonly #early: EarlyCandidates;
  readonly #limit: TokenBucket;
  readonly #peers = new Set<StoragePeer>();
  #newest: StoragePeer | undefined;
  /** The newest peer has not been waited for yet. */
  #pending = false;
  #expected = Promise.withResolvers<void>();
  #expectedUntilMs = -Infinity;
  #formerBytes = 0;
  #closed = false;

  constructor(
    options: StorageOptions,
    counters: { offers: number; ignoredOffers: number },
    listener: RecordingListener,
  ) {
    this.#options = options;
    this.#counters = counters;
    this.#listener = listener;
    this.#early = new EarlyCandidates(options.clock);
    this.#limit = new TokenBucket(OFFERS, options.clock);
  }

  /** The peer of an offer that nobody has waited for: it came late, or twice. */
  get pending(): StoragePeer | undefined {
    return this.#pending && this.#newest?.isEnded === false ? this.#newest : undefined;
  }

  /** To all peers so far; payload and headers, about. */
  get sentBytes(): number {
    return [...this.#peers].reduce((sum, { sentBytes }) => sum + sentBytes, this.#formerBytes);
  }

  /** An offer is about to be asked for. */
  expect(): void {
    this.#pending = false;
    this.#expected = Promise.withResolvers<void>();
    this.#expected.promise.catch(() => {});
    this.#expectedUntilMs = this.#options.clock.monotonic() + OFFER_LIFETIME_MS;
  }

  /** Resolves when the offer has come; rejects where it cannot be used. */
  next(): Promise<void> {
    return this.#expected.promise;
  }

  /** Resolves with the newest peer once it receives. */
  async receiving(): Promise<StoragePeer> {
    for (;;) {
      const peer = this.#newest;
      if (!peer) throw new Error('the storage session sent no offer');
      this.#pending = false;
      try {
        await peer.receiving();
        return peer;
      } catch (error) {
        // A newer offer took its place.
        if (peer === this.#newest) throw error;
      }
    }
  }

  onOffer(sdp: string): void {
    const { clock, twcc, log, channelName } = this.#options;
    this.#counters.offers += 1;
    const isExpected = clock.monotonic() < this.#expectedUntilMs;
    if (this.#closed || !isExpected || !this.#limit.take()) {
      this.#counters.ignoredOffers += 1;
      log.debug({ channelName }, 'an offer of a storage session that was not asked for is ignored');
      return;
    }
    try {
      const offer = parseOffer(sdp);
      const capabilities = {
        video: 'h264',
        h264ProfileLevelId: '42e01f',
        audio: 'opus',
        dataChannel: false,
        talk: false,
        twcc,
      } as const;
      const negotiation = negotiate(offer, capabilities);
      this.#answer(offer, usable(negotiation));
    } catch (error) {
      this.#counters.ignoredOffers += 1;
      const unusable = new Error('the offer of the storage session cannot be used', { cause: error });
      this.#expected.reject(unusable);
      log.warn({ channelName, error: errorText(unusable) }, 'offer ignored');
    }
  }

  onCandidate(candidate: string): void {
    if (candidate === '' || this.#closed) return;
    // It may belong to the offer that is on its way as well; to the wrong peer it is one more address that does not answer.
    if (this.#options.clock.monotonic() < this.#expectedUntilMs) this.#early.keep(NOBODY, candidate);
    if (this.#newest?.isEnded === false) this.#newest.session.addRemoteCandidate(candidate);
  }

  onSendFailed(reason: string): void {
    const newest = this.#newest;
    if (!newest || newest.isEnded || newest.coveredUntilMs !== undefined) return;
    newest.onFailure(`its answer was refused: ${reason}`);
    newest.close('connect-failed');
  }

  /** Ends all peers but this one and one that is pending. */
  closeOthers(kept: StoragePeer | undefined, end: SessionEnd): void {
    for (const peer of this.#peers) if (peer !== kept && peer !== this.pending) peer.close(end);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#pending = false;
    this.closeOthers(undefined, 'stopped');
    await Promise.all([...this.#peers].map(({ ended }) => ended));
  }

  #answer(offer: Offer, negotiation: Negotiation & { ok: true }): void {
    const former = this.#newest;
    if (former?.isEnded === false) {
      if (former.session.isContinuedBy(offer, negotiation))
        return former.session.renegotiate(offer, negotiation);
      // Nothing is recorded there yet, and the newest counts.
      if (former.coveredUntilMs === undefined) former.close('replaced');
    }
    const peer = this.#createPeer(offer, negotiation);
    this.#newest = peer;
    this.#pending = true;
    this.#peers.add(peer);
    peer.serve();
    void peer.ended.then(() => this.#forget(peer));
    for (const candidate of this.#early.take(NOBODY)) peer.session.addRemoteCandidate(candidate);
    this.#expected.resolve();
  }

  #forget(peer: StoragePeer): void {
    this.#peers.delete(peer);
    this.#formerBytes += peer.sentBytes;
  }

  #createPeer(offer: Offer, negotiation: Negotiation & { ok: true }): StoragePeer {
    const { streams, signaling, createTransport, iceServers, channelName, clock, random, log } =
      this.#options;
    const peer = new StoragePeer(this.#options, this.#listener);
    peer.session = new ViewerSession({
      clientId: NOBODY,
      offer,
      negotiation,
      transport: createTransport(),
      streams,
      streamId: channelName,
      iceServers,
      sendAnswer: (answer) => signaling.sendAnswer(answer),
      sendCandidate: (candidate) => signaling.sendCandidate(candidate),
      // A storage session has no data channel, and is not listened to.
      onChannel: () => {},
      onAudio: () => {},
      recorder: peer,
      clock,
      random,
      log,
    });
    return peer;
  }
}

/** Both tracks or none: the service takes no recording without sound. */
function usable(negotiation: Negotiation): Negotiation & { ok: true } {
  if (!negotiation.ok) throw new Error(negotiation.reason);
  for (const kind of ['video', 'audio']) {
    const decision = negotiation.decisions.find((each) => each.kind === kind);
    if (!decision) throw new Error(`it has no ${kind}`);
    if (!decision.accepted) throw new Error(`${kind}: ${'reason' in decision ? decision.reason : 'refused'}`);
    if ('sending' in decision && !decision.sending) throw new Error(`it does not want ${kind}`);
  }
  return negotiation;
}
