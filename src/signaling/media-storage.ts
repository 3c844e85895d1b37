import type { Clock } from '../runtime/clock.ts';
import type { AwsStorage } from './aws-storage.ts';
import type { SignalingChannel } from './channel.ts';
import { ServiceError } from './service-error.ts';

export interface MediaStorageOptions {
  channel: SignalingChannel;
  calls: Pick<AwsStorage, 'storageStream' | 'join'>;
  /** Of the JoinStorageSession call, milliseconds. */
  onJoined: (durationMs: number) => void;
  clock: Clock;
}

/** The channel has no stream to record into; only its owner can change that. */
export class NoStorageError extends Error {
  override readonly name = 'NoStorageError';
}

/** A channel that was fit for recording is believed to be for so long. */
const CHECK_LIFETIME_MS = 3_600_000;

/** WebRTC ingestion of one signaling channel, as far as it goes over REST. */
export class MediaStorage {
  readonly #options: MediaStorageOptions;
  #checkedUntilMs = -Infinity;

  constructor(options: MediaStorageOptions) {
    this.#options = options;
  }

  /** @throws NoStorageError, ServiceError */
  async check(): Promise<void> {
    const { channel, calls, clock } = this.#options;
    if (clock.monotonic() < this.#checkedUntilMs) return;
    const { channelArn } = await channel.resolve();
    const stream = await calls.storageStream(channelArn);
    if (stream === undefined) {
      throw new NoStorageError(
        `the channel "${channel.channelName}" has no stream to record into: ` +
          'run "npm run -s agent -- setup-storage --config FILE", or set storage.enabled to false',
      );
    }
    this.#checkedUntilMs = clock.monotonic() + CHECK_LIFETIME_MS;
  }

  /** @throws ServiceError */
  async join(): Promise<void> {
    const { channel, calls, onJoined, clock } = this.#options;
    const { channelArn, endpoints } = await channel.resolve();
    if (endpoints.webrtc === undefined) throw new Error('the channel has no WEBRTC endpoint');
    const startedAt = clock.monotonic();
    try {
      await calls.join(channelArn, endpoints.webrtc);
    } catch (error) {
      this.#checkedUntilMs = -Infinity;
      if (error instanceof ServiceError && (error.fault === 'not-found' || error.fault === 'invalid'))
        channel.expire();
      throw error;
    }
    onJoined(clock.monotonic() - startedAt);
  }

  /** Only throttling, time-outs, the network and the service's own failures pass by themselves. */
  retry(error: unknown): { soon: boolean; afterMs: number; reached: boolean } {
    if (error instanceof NoStorageError) return { soon: false, afterMs: 0, reached: true };
    if (!(error instanceof ServiceError)) return { soon: true, afterMs: 0, reached: true };
    const { fault, retryAfterMs, cause } = error;
    const soon = fault === 'throttled' || fault === 'unavailable';
    return { soon, afterMs: retryAfterMs, reached: fault !== 'unavailable' || cause === undefined };
  }
}
