import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { ChannelFile, type KnownChannel } from './channel-file.ts';
import type { ControlPlane, IceServer } from './control-plane.ts';
import { IceServerCache } from './ice-servers.ts';
import { ServiceError } from './service-error.ts';

/** What is timed. Milliseconds go with it. */
export type SignalingDuration =
  'describeChannel' | 'getEndpoints' | 'getIceServers' | 'connectAsMaster' | 'joinStorageSession';
export type OnDuration = (name: SignalingDuration, durationMs: number) => void;

export interface SignalingChannelOptions {
  channelName: string;
  region: string;
  controlPlane: ControlPlane;
  clock: Clock;
  random: Random;
  log: Log;
  /** Where the ARN and endpoints outlive a restart; empty: nowhere. */
  stateDirectory?: string;
  /** Tells channels of one name apart in the state directory where the control plane's endpoint is overridden. */
  endpoint?: string;
  /** Create the channel where it is missing. */
  createChannel?: boolean;
  /** Ask for the endpoint of JoinStorageSession too. */
  withStorage?: boolean;
  onDuration?: OnDuration;
}

const HOUR_MS = 3_600_000;
/** A day, less or more by a quarter, so that a fleet started at once does not ask at once. */
const LIFETIME_MS = 24 * HOUR_MS;
const LIFETIME_SPREAD = 0.25;
const MAX_LIFETIME_MS = LIFETIME_MS * (1 + LIFETIME_SPREAD);

/** One signaling channel as the service knows it: ARN, endpoints, ICE servers; each asked for once in its lifetime. */
export class SignalingChannel {
  readonly channelName: string;
  readonly #options: SignalingChannelOptions;
  readonly #file: ChannelFile | undefined;
  readonly #iceServers: IceServerCache;
  #known: KnownChannel | undefined;
  #fileRead = false;
  #resolving: Promise<KnownChannel> | undefined;

  constructor(options: SignalingChannelOptions) {
    const { channelName, region, stateDirectory, endpoint = '', random, clock } = options;
    this.channelName = channelName;
    this.#options = options;
    this.#file = stateDirectory
      ? new ChannelFile(stateDirectory, [region, endpoint, channelName], random)
      : undefined;
    this.#iceServers = new IceServerCache(() => this.#fetchIceServers(), clock);
  }

  /** ARN and endpoints from memory, disk or the service. Rejects with a ServiceError. */
  resolve(): Promise<KnownChannel> {
    this.#resolving ??= this.#resolve().finally(() => {
      this.#resolving = undefined;
    });
    return this.#resolving;
  }

  /** The service refuses what was cached, or nobody answers there: the next `resolve` asks anew. */
  expire(): void {
    if (this.#known !== undefined) this.#known = { ...this.#known, expiresAtMs: 0 };
    this.#iceServers.invalidate();
  }

  /** The TURN servers of now. Call it when an offer comes, not before. Rejects with a ServiceError. */
  iceServers(): Promise<IceServer[]> {
    return this.#iceServers.get();
  }

  invalidateIceServers(): void {
    this.#iceServers.invalidate();
  }

  async #resolve(): Promise<KnownChannel> {
    if (!this.#fileRead) {
      this.#known = await this.#file?.load();
      this.#fileRead = true;
    }
    const stale = this.#known;
    if (stale !== undefined && this.#isFresh(stale)) return stale;
    try {
      this.#known = await this.#ask(stale);
    } catch (error) {
      return await this.#withoutAnswer(error, stale);
    }
    await this.#remember(this.#known);
    return this.#known;
  }

  #isFresh({ endpoints, expiresAtMs }: KnownChannel): boolean {
    return this.#isInDate(expiresAtMs) && (!this.#options.withStorage || endpoints.webrtc !== undefined);
  }

  #isInDate(expiresAtMs: number): boolean {
    const remainingMs = expiresAtMs - this.#options.clock.now();
    // More than a lifetime ahead: written, or read, with a wrong clock.
    return remainingMs > 0 && remainingMs <= MAX_LIFETIME_MS;
  }

  async #ask(stale: KnownChannel | undefined): Promise<KnownChannel> {
    const { controlPlane, withStorage = false, random, clock } = this.#options;
    // In date and yet asked for: only the storage endpoint is missing, the ARN holds.
    const holds = stale !== undefined && this.#isInDate(stale.expiresAtMs);
    const channelArn = holds ? stale.channelArn : await this.#describeOrCreate();
    const endpoints = await this.#timed('getEndpoints', () =>
      controlPlane.getEndpoints(channelArn, withStorage),
    );
    const lifetimeMs = LIFETIME_MS * (1 + LIFETIME_SPREAD * (2 * random.float() - 1));
    return { channelArn, endpoints, expiresAtMs: Math.floor(clock.now() + lifetimeMs) };
  }

  async #describeOrCreate(): Promise<string> {
    const { controlPlane, channelName, createChannel = false, log } = this.#options;
    try {
      return await this.#timed('describeChannel', () => controlPlane.describeChannel(channelName));
    } catch (error) {
      if (!(error instanceof ServiceError) || error.fault !== 'not-found') throw error;
      if (!createChannel) throw missing(channelName, error);
    }
    const channelArn = await controlPlane.createChannel(channelName);
    log.info({ channelName, channelArn }, 'signaling channel created');
    return channelArn;
  }

  /** With the control plane out of reach, what was known yesterday most likely still serves. */
  async #withoutAnswer(error: unknown, stale: KnownChannel | undefined): Promise<KnownChannel> {
    const { channelName, log } = this.#options;
    const fault = error instanceof ServiceError ? error.fault : 'unavailable';
    if (stale !== undefined && (fault === 'unavailable' || fault === 'throttled')) {
      log.debug({ channelName, error: errorText(error) }, 'kept the endpoints known so far');
      return stale;
    }
    if (fault === 'not-found') {
      this.#known = undefined;
      await this.#file?.remove();
    }
    throw error;
  }

  async #remember(channel: KnownChannel): Promise<void> {
    try {
      await this.#file?.store(channel);
    } catch (error) {
      const { channelName, log } = this.#options;
      log.warn({ channelName, error: errorText(error) }, 'could not keep the endpoints on disk');
    }
  }

  async #fetchIceServers() {
    const { channelArn, endpoints } = await this.resolve();
    try {
      return await this.#timed('getIceServers', () =>
        this.#options.controlPlane.getIceServers(channelArn, endpoints.https),
      );
    } catch (error) {
      if (error instanceof ServiceError && error.fault === 'not-found') this.expire();
      throw error;
    }
  }

  async #timed<T>(name: SignalingDuration, call: () => Promise<T>): Promise<T> {
    const { clock, controlPlane, onDuration } = this.#options;
    await controlPlane.ready();
    const startedAt = clock.monotonic();
    const result = await call();
    onDuration?.(name, clock.monotonic() - startedAt);
    return result;
  }
}

function missing(channelName: string, cause: ServiceError): Error {
  return new Error(
    `there is no signaling channel "${channelName}" in this account and region: create it with ` +
      `"aws kinesisvideo create-signaling-channel --channel-name ${channelName}" or set createChannel`,
    { cause },
  );
}
