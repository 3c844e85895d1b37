import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { pause, within, type Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { supervise } from '../runtime/supervise.ts';
import type { OnDuration, SignalingChannel } from './channel.ts';
import type { ClockSkew } from './clock-skew.ts';
import type { CredentialsProvider } from './control-plane.ts';
import { Inbox } from './inbox.ts';
import type { IceCandidate } from './messages.ts';
import { Outbox } from './outbox.ts';
import { masterUrl } from './presigned-url.ts';
import { PEACE_MS, Rivalry } from './rivalry.ts';
import { ServiceError } from './service-error.ts';
import { Session } from './session.ts';
import { ABNORMAL_CLOSURE, SessionClosedError } from './signaling-client.ts';
import type {
  SignalingCounters,
  SignalingHandler,
  SignalingState,
  SignalingStatus,
} from './signaling-status.ts';
import type { OpenSocket } from './web-socket.ts';

export interface SignalingOptions {
  channel: SignalingChannel;
  region: string;
  credentials: CredentialsProvider;
  handler: SignalingHandler;
  skew: ClockSkew;
  openSocket: OpenSocket;
  clock: Clock;
  random: Random;
  log: Log;
  /** How long the service lets a connection live. */
  sessionLifetimeMs?: number;
  pingIntervalMs?: number;
  onDuration?: OnDuration;
}

const SESSION_LIFETIME_MS = 3_600_000;
const PING_INTERVAL_MS = 10_000;
const CREDENTIALS_TIMEOUT_MS = 30_000;
/** The replaced session still delivers what was on its way. */
const DRAIN_MS = 5_000;
/** So many failures in a row and the endpoint itself is in doubt. */
const DOUBT_AFTER = 3;

/**
 * A master's presence on its channel: one session after the other, the next one opened before the last one goes. Run it
 * under `supervise`: `run` rejects when the channel is lost.
 */
export class Signaling {
  readonly #options: SignalingOptions;
  readonly #rivalry: Rivalry;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  /** Oldest first; one, or two around a renewal. */
  readonly #sessions = new Set<Session>();
  readonly counters: SignalingCounters = {
    connects: 0,
    renewals: 0,
    offers: 0,
    faults: {},
    undeliverable: 0,
    sendFailures: 0,
  };
  #state: SignalingState = 'connecting';
  #since: number;
  #reason = '';
  #failures = 0;
  #stayAwayUntilMs = 0;

  constructor(options: SignalingOptions) {
    this.#options = options;
    this.#rivalry = new Rivalry(options.random);
    this.#outbox = new Outbox({
      clock: options.clock,
      random: options.random,
      deliver: (clientId, frame) => this.#sessionFor(clientId)?.client.send(frame) ?? false,
      onUndeliverable: () => (this.counters.undeliverable += 1),
    });
    this.#inbox = new Inbox({ ...options, outbox: this.#outbox, counters: this.counters });
    this.#since = options.clock.now();
  }

  get status(): SignalingStatus {
    return {
      state: this.#state,
      connected: [...this.#sessions].some(({ client }) => client.isOpen),
      since: this.#since,
      reason: this.#reason,
      clockOffsetMs: this.#options.skew.offsetMs,
    };
  }

  /** False: not sent, and counted; the viewer will ask again. */
  sendAnswer(clientId: string, sdp: string): boolean {
    return this.#accepted(this.status.connected && this.#outbox.sendAnswer(clientId, sdp));
  }

  /** False: not sent, and counted. */
  sendCandidate(clientId: string, candidate: IceCandidate): boolean {
    return this.#accepted(this.status.connected && this.#outbox.sendCandidate(clientId, candidate));
  }

  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { log, channel } = this.#options;
    const stop = () => this.#sessions.forEach((session) => session.stop());
    signal.addEventListener('abort', stop, { once: true });
    try {
      let session = await this.#open(signal);
      log.info({ channelName: channel.channelName }, 'connected as master');
      while (!signal.aborted) session = await this.#successor(session, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#report('disconnected', errorText(error));
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
      await Promise.all([...this.#sessions].map(({ ended }) => ended));
      if (signal.aborted) {
        this.#outbox.clear();
        this.#report('disconnected', 'stopped');
      }
    }
  }

  /** Rejects when the session could not be opened; what there is to learn from that is learnt here. */
  async #open(signal: AbortSignal): Promise<Session> {
    const { clock, onDuration } = this.#options;
    const stayAwayMs = this.#stayAwayUntilMs - clock.monotonic();
    if (stayAwayMs > 0) await pause(clock, stayAwayMs, signal);
    try {
      const url = await abandonable(this.#signedUrl(), signal);
      const startedAt = clock.monotonic();
      const session = this.#start(url);
      const failure = await Promise.race([session.opened, session.ended]);
      if (failure !== undefined) throw failure;
      onDuration?.('connectAsMaster', clock.monotonic() - startedAt);
      this.counters.connects += 1;
      this.#failures = 0;
      return session;
    } catch (error) {
      if (!signal.aborted) this.#learnFrom(error);
      throw error;
    }
  }

  async #signedUrl(): Promise<string> {
    const { channel, credentials, clock, region, skew } = this.#options;
    const { channelArn, endpoints } = await channel.resolve();
    const message = 'the credentials provider did not answer';
    const current = await within(clock, CREDENTIALS_TIMEOUT_MS, message, credentials.get());
    return masterUrl({
      endpoint: endpoints.wss,
      channelArn,
      region,
      credentials: current,
      date: skew.now(),
    });
  }

  #start(url: string): Session {
    const { openSocket, skew, clock, random, pingIntervalMs = PING_INTERVAL_MS } = this.#options;
    const { sessionLifetimeMs = SESSION_LIFETIME_MS } = this.#options;
    const session = new Session(
      { url, openSocket, skew, clock, random, pingIntervalMs, lifetimeMs: sessionLifetimeMs },
      {
        onOpen: () => this.#report('connected', ''),
        onMessage: (message) => this.#inbox.onMessage(message),
        onFault: (fault) => this.#inbox.onFault(fault),
      },
    );
    this.#sessions.add(session);
    void session.ended.then(() => this.#sessions.delete(session));
    session.start();
    return session;
  }

  /** Waits until the session is to be replaced and resolves with the next one; rejects when the channel was lost. */
  async #successor(session: Session, signal: AbortSignal): Promise<Session> {
    const peace = this.#options.clock.after(PEACE_MS, () => this.#makePeace());
    try {
      const why = await Promise.race([session.renewalDue, session.ended]);
      if (typeof why === 'string') return await this.#renew(session, why, signal);
      this.#noteReplacement(session, why);
      throw why;
    } finally {
      peace.cancel();
    }
  }

  /** Make before break: tries until it has a new session or the old one, still serving, ends. */
  async #renew(old: Session, why: string, signal: AbortSignal): Promise<Session> {
    const { clock, random, log, channel } = this.#options;
    let next: Session | undefined;
    const done = new AbortController();
    void old.ended.then(() => done.abort());
    const open = async () => {
      next = await this.#open(signal);
      done.abort();
    };
    const until = AbortSignal.any([signal, done.signal]);
    await supervise(open, until, { name: 'signaling renewal', clock, random, log });
    if (next === undefined) throw await old.ended;
    this.counters.renewals += 1;
    log.info({ channelName: channel.channelName, why }, 'signaling session renewed');
    clock.after(DRAIN_MS, () => old.stop());
    return next;
  }

  #learnFrom(error: unknown): void {
    if (!(error instanceof ServiceError)) return;
    const { channel, credentials, clock, random } = this.#options;
    const { fault, retryAfterMs } = error;
    this.#failures += 1;
    if (fault === 'denied') credentials.invalidate?.();
    // The service, or several failures, put what was cached in doubt.
    const doubted = fault === 'not-found' || fault === 'invalid' || this.#failures % DOUBT_AFTER === 0;
    if (doubted) channel.expire();
    this.#stayAwayUntilMs = clock.monotonic() + retryAfterMs * (1 + random.float() / 4);
  }

  #noteReplacement(session: Session, why: Error): void {
    const { clock, log, channel } = this.#options;
    // A connection that broke is the network's doing; a rival's connection makes the service close ours in good order.
    if (!(why instanceof SessionClosedError) || why.code === ABNORMAL_CLOSURE || session.wasAskedToGo) return;
    const wasFight = this.#rivalry.isFight;
    const holdOffMs = this.#rivalry.replacedAfter(session.livedMs);
    this.#stayAwayUntilMs = clock.monotonic() + holdOffMs;
    if (this.#rivalry.isFight && !wasFight) {
      log.error({ channelName: channel.channelName, holdOffMs }, this.#rivalry.describe(channel.channelName));
    }
  }

  #makePeace(): void {
    if (!this.#rivalry.isFight) return;
    this.#rivalry.over();
    this.#options.log.info({ channelName: this.#options.channel.channelName }, 'the channel is ours again');
    this.#report('connected', '');
  }

  /** The session that brought the viewer's offer while it lives, else the newest. */
  #sessionFor(clientId: string): Session | undefined {
    const open = [...this.#sessions].filter(({ client }) => client.isOpen);
    return open.findLast((session) => session.broughtOffer(clientId)) ?? open.at(-1);
  }

  #accepted(accepted: boolean): boolean {
    if (!accepted) this.counters.undeliverable += 1;
    return accepted;
  }

  #report(state: SignalingState, reason: string): void {
    const { channel, clock } = this.#options;
    const { isFight } = this.#rivalry;
    const nextState = isFight ? 'fighting' : state;
    const nextReason = isFight ? this.#rivalry.describe(channel.channelName) : reason;
    if (nextState !== this.#state) this.#since = clock.now();
    this.#state = nextState;
    this.#reason = nextReason;
    this.#inbox.onStatus(this.status);
  }
}

/** Settles like `work`, or rejects when `signal` aborts first: the work itself cannot be stopped. */
function abandonable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = () => reject(new Error('stopped'));
    if (signal.aborted) return abandon();
    signal.addEventListener('abort', abandon, { once: true });
    const settle = () => signal.removeEventListener('abort', abandon);
    work.then(resolve, reject).finally(settle);
  });
}
