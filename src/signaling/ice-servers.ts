import type { Clock } from '../runtime/clock.ts';
import type { IceServer, IceServerConfig } from './control-plane.ts';

/** Not handed out in the last part of their life: a session that starts now needs them a little longer. */
const MARGIN_MS = 30_000;
/** Any outcome, also a failure, serves this long: an offer flood must not become a call flood (quota 5/s a channel). */
const MIN_USE_MS = 1_000;

interface Entry {
  servers: Promise<IceServer[]>;
  usableUntilMs: number;
}

/** TURN servers with their short-lived credentials: fetched when wanted, one call at a time, kept for their life. */
export class IceServerCache {
  readonly #fetch: () => Promise<IceServerConfig>;
  readonly #clock: Clock;
  #entry: Entry | undefined;

  constructor(fetch: () => Promise<IceServerConfig>, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Rejects with what the call failed with. */
  get(): Promise<IceServer[]> {
    if (this.#entry === undefined || this.#clock.monotonic() >= this.#entry.usableUntilMs) {
      this.#entry = this.#load();
    }
    return this.#entry.servers;
  }

  /** The service wants the servers replaced (RECONNECT_ICE_SERVER), or refuses them. */
  invalidate(): void {
    this.#entry = undefined;
  }

  #load(): Entry {
    // While in flight it serves every caller; its outcome then decides for how long.
    const entry: Entry = { servers: this.#fetchInto(() => entry), usableUntilMs: Number.POSITIVE_INFINITY };
    return entry;
  }

  async #fetchInto(entry: () => Entry): Promise<IceServer[]> {
    let usableMs = MIN_USE_MS;
    try {
      const { servers, ttlSeconds } = await this.#fetch();
      usableMs = Math.max(MIN_USE_MS, ttlSeconds * 500, ttlSeconds * 1000 - MARGIN_MS);
      return servers;
    } finally {
      entry().usableUntilMs = this.#clock.monotonic() + usableMs;
    }
  }
}
