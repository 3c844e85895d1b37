import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { orAborted, pause, type Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';

/** AWS credentials, in the shape that the AWS SDK takes. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

/**
 * Where requests get their credentials. An AWS SDK client keeps what it was given until five minutes before its
 * `expiration`, refused or not: give it one in the past, so that it asks here each time.
 */
export interface CredentialsProvider {
  /** Valid ones. Rejects where there are none to be had. */
  get(): Promise<Credentials>;
  /** The service refused `used` (403): the next `get` fetches others. */
  invalidate(used?: Credentials): void;
}

export type CredentialsKind = 'x509' | 'token-exchange' | 'environment';

/** What a source answers. */
export interface FetchedCredentials {
  credentials: Credentials;
  /** The server's clock when it answered, epoch milliseconds: what `expiration` is measured from. */
  serverTimeMs?: number;
}

/** Gets credentials once; no cache and no retry. */
export interface CredentialsSource {
  readonly kind: CredentialsKind;
  fetch(): Promise<FetchedCredentials>;
  /** Days until the device certificate expires, negative once it has; undefined before the first fetch. */
  certificateDaysLeft?(): number | undefined;
}

export interface CredentialsStatus {
  source: CredentialsKind;
  /** Since the credentials in use were fetched. */
  ageMs?: number;
  /** Until they expire. */
  remainingMs?: number;
  /** Why the last fetch failed, until one succeeds. */
  lastError?: string;
  /** Of the device certificate, where the source uses one. */
  certificateDaysLeft?: number;
}

export interface CachedCredentialsOptions {
  source: CredentialsSource;
  clock: Clock;
  random: Random;
  log: Log;
  /** Told how long each successful fetch took, milliseconds. */
  onFetched?: (durationMs: number) => void;
}

interface Cached extends FetchedCredentials {
  /** On the monotonic clock, so that a wrong or jumping wall clock neither ages nor renews credentials. */
  fetchedAtMs: number;
  refreshAtMs: number;
  /** From here on they are not handed out: a request on its way must not see them expire. */
  unusableAtMs: number;
  expiresAtMs: number;
}

/** Renewed when between 10 % and 20 % of their lifetime are left, so that a fleet does not do it at once. */
const REFRESH_SHARE = { least: 0.1, spread: 0.1 };
/** Not handed out in the last 2 % of their lifetime, at most 10 s. */
const UNUSABLE_SHARE = 0.02;
const UNUSABLE_MS = 10_000;
/** A refusal of credentials this fresh has another reason than their age; others would be refused as well. */
const TOO_FRESH_MS = 1_000;
/** A `Date` header counts whole seconds. */
const DATE_GRAIN_MS = 1_000;
/** The service, not a clock that may be wrong, judges credentials; these are fetched again after this long. */
const ASSUMED_LIFETIME_MS = 60_000;
/** Longer waits overflow timers. */
const LONGEST_WAIT_MS = 24 * 3_600_000;

/** Credentials of one source, fetched once for all callers and renewed ahead of their expiry by `run`. */
export class CachedCredentials implements CredentialsProvider {
  readonly #source: CredentialsSource;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #onFetched: ((durationMs: number) => void) | undefined;
  #cached: Cached | undefined;
  #fetching: Promise<Cached> | undefined;
  #lastError: string | undefined;

  constructor({ source, clock, random, log, onFetched }: CachedCredentialsOptions) {
    this.#source = source;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#onFetched = onFetched;
  }

  /**
   * Renews the credentials ahead of their expiry until `signal` aborts. Rejects when a renewal fails; those in use
   * stay in use as long as they are valid. Run again by `supervise`, it renews at once.
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = (this.#cached?.refreshAtMs ?? 0) - this.#clock.monotonic();
      if (waitMs > 0) await pause(this.#clock, Math.min(waitMs, LONGEST_WAIT_MS), signal);
      else await orAborted(signal, this.#fetch());
    }
  }

  async get(): Promise<Credentials> {
    const cached = this.#cached;
    if (cached && this.#clock.monotonic() < cached.unusableAtMs) return cached.credentials;
    return (await this.#fetch()).credentials;
  }

  invalidate(used?: Credentials): void {
    const cached = this.#cached;
    if (!cached || (used && used.accessKeyId !== cached.credentials.accessKeyId)) return;
    if (this.#clock.monotonic() - cached.fetchedAtMs < TOO_FRESH_MS) return;
    this.#log.debug({ source: this.#source.kind }, 'credentials were refused, others will be fetched');
    this.#cached = undefined;
  }

  status(): CredentialsStatus {
    const status: CredentialsStatus = { source: this.#source.kind };
    const now = this.#clock.monotonic();
    if (this.#cached) {
      status.ageMs = now - this.#cached.fetchedAtMs;
      if (this.#cached.expiresAtMs !== Infinity) status.remainingMs = this.#cached.expiresAtMs - now;
    }
    if (this.#lastError !== undefined) status.lastError = this.#lastError;
    const certificateDaysLeft = this.#source.certificateDaysLeft?.();
    if (certificateDaysLeft !== undefined) status.certificateDaysLeft = certificateDaysLeft;
    return status;
  }

  /** One fetch at a time, shared by all who wait. */
  #fetch(): Promise<Cached> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<Cached> {
    const startedAtMs = this.#clock.monotonic();
    try {
      const fetched = await this.#source.fetch();
      const cached = this.#aged(fetched);
      this.#cached = cached;
      this.#lastError = undefined;
      const durationMs = cached.fetchedAtMs - startedAtMs;
      this.#onFetched?.(durationMs);
      const lifetimeSeconds = Math.round((cached.expiresAtMs - cached.fetchedAtMs) / 1000);
      const details = { source: this.#source.kind, durationMs: Math.round(durationMs), lifetimeSeconds };
      this.#log.debug(details, 'credentials fetched');
      return cached;
    } catch (error) {
      this.#lastError = errorText(error);
      throw error;
    }
  }

  #aged({ credentials, serverTimeMs }: FetchedCredentials): Cached {
    const fetchedAtMs = this.#clock.monotonic();
    const expiration = credentials.expiration?.getTime();
    if (expiration === undefined) {
      const never = Infinity;
      return { credentials, fetchedAtMs, refreshAtMs: never, unusableAtMs: never, expiresAtMs: never };
    }
    const statedMs =
      expiration - (serverTimeMs === undefined ? this.#clock.now() : serverTimeMs + DATE_GRAIN_MS);
    if (statedMs <= 0) {
      const details = { source: this.#source.kind, expiration: credentials.expiration?.toISOString() };
      this.#log.warn(
        details,
        'credentials had expired when they came, tried all the same: is the clock right?',
      );
    }
    const lifetimeMs = statedMs > 0 ? statedMs : ASSUMED_LIFETIME_MS;
    const aheadMs = lifetimeMs * (REFRESH_SHARE.least + REFRESH_SHARE.spread * this.#random.float());
    const expiresAtMs = fetchedAtMs + lifetimeMs;
    return {
      credentials,
      fetchedAtMs,
      refreshAtMs: expiresAtMs - aheadMs,
      unusableAtMs: expiresAtMs - Math.min(UNUSABLE_MS, lifetimeMs * UNUSABLE_SHARE),
      expiresAtMs,
    };
  }
}
