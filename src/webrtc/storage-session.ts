import { errorText } from '../errors.ts';
import { orAborted, pause, within } from '../runtime/clock.ts';
import { supervise } from '../runtime/supervise.ts';
import { StorageGaps } from './storage-gaps.ts';
import { StorageOffers } from './storage-offers.ts';
import type { RecordingListener, StoragePeer } from './storage-peer.ts';
import {
  STORAGE_TIMING,
  type StorageOptions,
  type StorageState,
  type StorageStatus,
  type StorageTiming,
} from './storage-status.ts';

/** An established session that is to be replaced is replaced without hurry. */
const RENEWAL_BACKOFF = { baseMs: 1_000, maxMs: 30_000 };
const WATCH_MS = 500;

/**
 * Recording through WebRTC ingestion: joins the channel's storage session and stays in it, through renewals and losses, for as long
 * as it runs. A session is replaced before it ends; whichever of the two the service then keeps, nothing is missing: the old one is
 * served until the new one receives, and the new one begins with what the old one is not known to have.
 * Run it under `supervise`: `run` rejects when the recording stops or cannot start.
 * https://docs.aws.amazon.com/kinesisvideostreams-webrtc-dg/latest/devguide/webrtc-ingestion.html
 */
export class StorageSession {
  readonly counters = { joins: 0, offers: 0, ignoredOffers: 0, sessions: 0, renewals: 0, losses: 0 };
  readonly gaps: StorageGaps;
  readonly #options: StorageOptions;
  readonly #timing: StorageTiming;
  readonly #offers: StorageOffers;
  readonly #failuresAtMs: number[] = [];
  #current: StoragePeer | undefined;
  /** Monotonic; of the last peer that received, once it is gone. */
  #coveredUntilMs: number | undefined;
  #stayAwayUntilMs = 0;
  /** Monotonic; the camera was asked for pictures then. */
  #acquiredMs = 0;
  #state: StorageState = 'joining';
  #since: number;
  #reason = '';

  constructor(options: StorageOptions) {
    this.#options = options;
    this.#timing = { ...STORAGE_TIMING, ...options.timing };
    this.#since = options.clock.now();
    this.gaps = new StorageGaps(options);
    this.#offers = new StorageOffers(options, this.counters, {
      onStart: () => this.#startSending(),
      onLost: (fromMs, untilMs) => this.gaps.onLost(fromMs, untilMs),
    });
  }

  get status(): StorageStatus {
    const gap = this.gaps.last;
    return { state: this.#state, since: this.#since, reason: this.#reason, ...(gap && { lastGap: gap }) };
  }

  /** Payload and headers that went to the storage side, about. */
  get sentBytes(): number {
    return this.#offers.sentBytes;
  }

  /** Asked for, late or unasked: the newest one counts. */
  onOffer(sdp: string): void {
    this.#offers.onOffer(sdp);
  }

  /** May come before its offer, and without saying to which offer it belongs. */
  onCandidate(candidate: string): void {
    this.#offers.onCandidate(candidate);
  }

  /** The service refused an answer. */
  onSendFailed(reason: string): void {
    this.#offers.onSendFailed(reason);
  }

  /** Ends every connection; settles when all are closed. */
  async close(): Promise<void> {
    await this.#offers.close();
    this.gaps.close();
  }

  /** Resolves on abort. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, signaling, service, acquire } = this.#options;
    const stayAwayMs = this.#stayAwayUntilMs - clock.monotonic();
    if (stayAwayMs > 0) await pause(clock, stayAwayMs, signal);
    let lease: { release(): void } | undefined;
    try {
      await signaling.connected(signal);
      if (signal.aborted) return;
      await orAborted(signal, service.check());
      if (signal.aborted) return;
      lease = acquire();
      this.#acquiredMs = clock.monotonic();
      let peer = await this.#open(signal);
      while (peer) peer = await this.#successor(peer, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (this.#current?.isEnded) this.counters.losses += 1;
      this.#learnFrom(error);
      throw error;
    } finally {
      this.#leave(signal.aborted ? 'stopped' : 'replaced');
      lease?.release();
    }
  }

  /** Joins and resolves with the peer once it receives, or with undefined on abort; rejects when that takes too long. */
  async #open(signal: AbortSignal): Promise<StoragePeer | undefined> {
    try {
      const peer = await orAborted(signal, this.#joined(signal));
      if (peer) this.#adopt(peer);
      return peer;
    } catch (error) {
      const { clock, service } = this.#options;
      if (service.retry(error).reached) this.#failuresAtMs.push(clock.monotonic());
      throw error;
    }
  }

  async #joined(signal: AbortSignal): Promise<StoragePeer> {
    const { clock, random, service, signaling } = this.#options;
    const { offerMs, connectMs } = this.#timing;
    if (!this.#offers.pending) {
      await signaling.connected(signal);
      this.counters.joins += 1;
      this.#offers.expect();
      await service.join();
      const waitMs = Math.round(offerMs * (1 + random.float() / 4));
      await within(clock, waitMs, 'the storage session sent no offer', this.#offers.next());
    }
    const connected = this.#offers.receiving();
    return within(clock, connectMs, 'the storage session could not be reached', connected);
  }

  /** The former peer is let go once another one receives. */
  #adopt(peer: StoragePeer): void {
    const { log, channelName } = this.#options;
    this.#current = peer;
    this.counters.sessions += 1;
    this.#offers.closeOthers(peer, 'replaced');
    this.gaps.noteSeam();
    this.#failuresAtMs.length = 0;
    log.info({ channelName, sessions: this.counters.sessions }, 'recording');
    this.#watchPicture();
  }

  /** A session alone is no recording. */
  #watchPicture(): void {
    const { clock, video } = this.#options;
    const pictureMs = video.frame(video.nextIndex - 1)?.pushedAtMs ?? 0;
    const withoutMs = clock.monotonic() - Math.max(pictureMs, this.#acquiredMs);
    if (withoutMs < this.#timing.pictureMs) this.#report('recording', '');
    else this.#report('no-picture', 'the camera gives no picture');
  }

  /** Resolves with the peer that replaces this one, or with undefined on abort; rejects when it was lost before there was one. */
  async #successor(peer: StoragePeer, signal: AbortSignal): Promise<StoragePeer | undefined> {
    const { clock, random } = this.#options;
    const due = Promise.withResolvers<string>();
    const renewMs = this.#timing.renewAfterMs * (1 - random.float() / 12);
    const timers = [
      clock.after(renewMs, () => due.resolve('lifetime')),
      clock.every(WATCH_MS, () => {
        this.#watchPicture();
        this.gaps.settle();
        if (peer.isSilent) due.resolve('silence');
        else if (this.#offers.pending) due.resolve('offer');
      }),
    ];
    try {
      const lost = peer.ended.then(fail);
      const why = await orAborted(signal, Promise.race([due.promise, lost]));
      return why === undefined ? undefined : await this.#renew(peer, why, signal);
    } finally {
      for (const timer of timers) timer.cancel();
    }
  }

  /** Make before break: tries until another peer receives, or the old one, still served, has ended. */
  async #renew(old: StoragePeer, why: string, signal: AbortSignal): Promise<StoragePeer | undefined> {
    const { clock, random, log, channelName } = this.#options;
    let next: StoragePeer | undefined;
    let opening = false;
    const done = new AbortController();
    void old.ended.then(() => opening || done.abort());
    const open = async () => {
      opening = true;
      try {
        next = await this.#open(signal);
        if (next) this.counters.renewals += 1;
        done.abort();
      } catch (error) {
        if (old.isEnded) done.abort();
        throw error;
      } finally {
        opening = false;
      }
    };
    log.info({ channelName, why }, 'the storage session is being renewed');
    const options = { name: 'storage session renewal', backoff: RENEWAL_BACKOFF, clock, random, log };
    await supervise(open, AbortSignal.any([signal, done.signal]), options);
    if (!next && !signal.aborted) fail(await old.ended);
    return next;
  }

  /** Media begins to flow to a peer. */
  #startSending(): ReturnType<RecordingListener['onStart']> {
    const former = this.#current;
    const coveredMs = former?.coveredUntilMs ?? this.#coveredUntilMs;
    const fromMs = this.gaps.begin(coveredMs);
    // All that a peer gets after it had fallen silent is sent again: it would only be in the way.
    if (former?.isSilent) former.close('replaced');
    return { fromMs, coveredMs: coveredMs ?? -Infinity };
  }

  #leave(end: 'stopped' | 'replaced'): void {
    const covered = this.#current?.coveredUntilMs;
    if (covered !== undefined) this.#coveredUntilMs = covered;
    this.#current = undefined;
    this.#offers.closeOthers(undefined, end);
  }

  /** What can be tried again soon is, at most so often; everything else slowly, for ever. */
  #learnFrom(error: unknown): void {
    const { clock, random, service, log, channelName } = this.#options;
    const { failureWindowMs, maxFailures, slowRetryMs } = this.#timing;
    const nowMs = clock.monotonic();
    const { soon, afterMs } = service.retry(error);
    const recent = this.#failuresAtMs.filter((atMs) => nowMs - atMs < failureWindowMs);
    this.#failuresAtMs.splice(0, Infinity, ...recent);
    const slow = !soon || recent.length >= maxFailures;
    const waitMs = slow ? slowRetryMs * (0.8 + 0.4 * random.float()) : afterMs * (1 + random.float() / 4);
    this.#stayAwayUntilMs = nowMs + waitMs;
    const reason = errorText(error);
    if (slow && this.#state !== 'failed')
      log.error({ channelName, error: reason, retryInMs: Math.round(waitMs) }, 'recording is not possible');
    const hasRecorded = this.counters.sessions > 0;
    this.#report(slow ? 'failed' : hasRecorded ? 'interrupted' : 'joining', reason);
  }

  #report(state: StorageState, reason: string): void {
    if (state !== this.#state) this.#since = this.#options.clock.now();
    else if (reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#options.onStatus();
  }
}

function fail(reason: string): never {
  throw new Error(reason);
}
