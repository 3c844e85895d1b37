import type { Timer } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { SignalingMessage } from './messages.ts';
import { SignalingClient, type SessionEvents, type SignalingClientOptions } from './signaling-client.ts';

export interface SessionOptions extends SignalingClientOptions {
  random: Random;
  /** The service's limit for one connection. */
  lifetimeMs: number;
}

/** The service wants a new connection "within a minute", of a whole fleet at once perhaps. */
const GO_AWAY_SPREAD_MS = 5_000;
/** Renewed at 75–92 % of the limit: after 45–55 minutes of an hour. */
const RENEWAL_SHARE = 0.75;
const RENEWAL_SPREAD = 0.17;
/** Senders of offers that are remembered, for their answers around a renewal. */
const MAX_OFFERS = 256;

/** One connection in its life cycle: started, open, due for renewal, ended. */
export class Session {
  readonly client: SignalingClient;
  readonly #options: SessionOptions;
  readonly #events: SessionEvents;
  readonly #stop = new AbortController();
  readonly #opened = Promise.withResolvers<undefined>();
  readonly #renewalDue = Promise.withResolvers<string>();
  readonly #ended = Promise.withResolvers<Error>();
  readonly #offers = new Set<string>();
  readonly #timers: Timer[] = [];
  #openedAtMs = 0;
  #wasAskedToGo = false;

  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options;
    this.#events = events;
    this.client = new SignalingClient(options, {
      ...events,
      onOpen: () => this.#onOpen(),
      onMessage: (message) => this.#onMessage(message),
    });
  }

  /** Never rejects; stays pending where the session could not be opened. */
  get opened(): Promise<undefined> {
    return this.#opened.promise;
  }

  /** Resolves with why a new connection is wanted. */
  get renewalDue(): Promise<string> {
    return this.#renewalDue.promise;
  }

  /** Resolves with why the session ended, or could not be opened; never rejects. */
  get ended(): Promise<Error> {
    return this.#ended.promise;
  }

  get livedMs(): number {
    return this.#options.clock.monotonic() - this.#openedAtMs;
  }

  /** The service announced the session's end. */
  get wasAskedToGo(): boolean {
    return this.#wasAskedToGo;
  }

  broughtOffer(clientId: string): boolean {
    return this.#offers.has(clientId);
  }

  start(): void {
    void this.#live();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #live(): Promise<void> {
    let why = new Error('the signaling session was stopped');
    try {
      await this.client.run(this.#stop.signal);
    } catch (error) {
      why = error instanceof Error ? error : new Error(String(error));
    }
    for (const timer of this.#timers) timer.cancel();
    this.#ended.resolve(why);
  }

  #onOpen(): void {
    const { clock, random, lifetimeMs } = this.#options;
    this.#openedAtMs = clock.monotonic();
    this.#renewAfter(lifetimeMs * (RENEWAL_SHARE + RENEWAL_SPREAD * random.float()), 'lifetime');
    this.#events.onOpen();
    this.#opened.resolve(undefined);
  }

  #onMessage(message: SignalingMessage): void {
    if (message.type === 'GO_AWAY') {
      // A flood of them must not become a flood of timers.
      if (!this.#wasAskedToGo) this.#renewAfter(this.#options.random.float() * GO_AWAY_SPREAD_MS, 'GO_AWAY');
      this.#wasAskedToGo = true;
    } else if (message.type === 'SDP_OFFER') {
      this.#offers.add(message.clientId);
      const [oldest] = this.#offers;
      if (this.#offers.size > MAX_OFFERS && oldest !== undefined) this.#offers.delete(oldest);
    }
    this.#events.onMessage(message);
  }

  #renewAfter(delayMs: number, why: string): void {
    this.#timers.push(this.#options.clock.after(delayMs, () => this.#renewalDue.resolve(why)));
  }
}
