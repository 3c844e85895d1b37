import type { Log } from '../log.ts';
import type { MediaStream } from '../rtp/media-stream.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { IceServer, SecureTransport } from './secure-transport.ts';
import type { ViewerStreams } from './viewer-session-options.ts';

/** What is asked of the service. */
export interface StorageService {
  /** Rejects with what stands in the way of recording on this channel: no stream, no permission. */
  check(): Promise<void>;
  /** JoinStorageSession: an offer follows over signaling, or none. Each call counts, and is not repeated. */
  join(): Promise<void>;
  /** Whether trying again soon may help after a failure, how long the service asks to wait, and whether it was reached at all. */
  retry(error: unknown): { soon: boolean; afterMs: number; reached: boolean };
}

/** Signaling towards the storage side, which has no client id. */
export interface StorageSignaling {
  /** Resolves when messages arrive, or on abort. */
  connected(signal: AbortSignal): Promise<void>;
  sendAnswer(sdp: string): void;
  /** A `candidate:…` line. */
  sendCandidate(candidate: string): void;
}

/**
 * `joining`: for the first time. `no-picture`: the session is there, the camera gives nothing to record but sound, perhaps.
 * `interrupted`: it recorded, and tries to again. `failed`: it does not work and is tried slowly; the reason says what to do.
 */
export type StorageState = 'joining' | 'recording' | 'no-picture' | 'interrupted' | 'failed';

/** What is missing in the recording, epoch milliseconds. */
export interface StorageGap {
  from: number;
  to: number;
}

export interface StorageStatus {
  state: StorageState;
  /** When the state began, epoch milliseconds. */
  since: number;
  /** Why it is not recording; else empty. */
  reason: string;
  lastGap?: StorageGap;
}

/** How long pictures and sound are kept for a session that has to begin anew. */
export const KEPT_MS = 30_000;

export interface StorageTiming {
  /** How long an offer is waited for; a quarter more at most. */
  offerMs: number;
  /** From the offer until the storage side receives. */
  connectMs: number;
  /** When a session is replaced; a twelfth sooner at most. The service ends it after an hour. */
  renewAfterMs: number;
  /** Without a picture for so long, nothing is recorded. */
  pictureMs: number;
  /** So many failures to establish a session within that time, and it is tried slowly only. */
  maxFailures: number;
  failureWindowMs: number;
  /** A fifth less or more. */
  slowRetryMs: number;
}

/** Those of AWS's own sample, but that it never gives up. */
export const STORAGE_TIMING: Readonly<StorageTiming> = {
  offerMs: 6_000,
  connectMs: 30_000,
  renewAfterMs: 52 * 60_000,
  pictureMs: 5_000,
  maxFailures: 5,
  failureWindowMs: 600_000,
  slowRetryMs: 300_000,
};

export interface StorageOptions {
  channelName: string;
  service: StorageService;
  signaling: StorageSignaling;
  /** What is recorded: H.264 and Opus. */
  streams: ViewerStreams & { audio: MediaStream };
  /** The video of `streams`. */
  video: MediaStream;
  maxBitrateKbps: number;
  twcc: boolean;
  /** Keeps the camera running until released. */
  acquire: () => { release(): void };
  createTransport: () => SecureTransport;
  iceServers: () => Array<Promise<readonly IceServer[]>>;
  onGap: (gap: StorageGap) => void;
  /** The status has changed. */
  onStatus: () => void;
  timing?: Partial<StorageTiming>;
  clock: Clock;
  random: Random;
  log: Log;
}
