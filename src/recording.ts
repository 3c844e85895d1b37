import type { CameraConfig } from './config/config.ts';
import type { Log } from './log.ts';
import type { RecordingCondition } from './metrics/recording-metrics.ts';
import type { AccessUnit } from './rtp/access-unit.ts';
import { MediaStream } from './rtp/media-stream.ts';
import type { Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { supervise } from './runtime/supervise.ts';
import type { IceCandidate } from './signaling/messages.ts';
import type { MediaStorage } from './signaling/media-storage.ts';
import type { SignalingStatus } from './signaling/signaling-status.ts';
import type { Renditions } from './webrtc/renditions.ts';
import type { IceServer, SecureTransport } from './webrtc/secure-transport.ts';
import { StorageSession } from './webrtc/storage-session.ts';
import { KEPT_MS, type StorageGap, type StorageStatus } from './webrtc/storage-status.ts';

/** The signaling of the camera's channel, as far as recording needs it. */
export interface RecordingSignaling {
  readonly status: SignalingStatus;
  sendAnswer(clientId: string, sdp: string): boolean;
  sendCandidate(clientId: string, candidate: IceCandidate): boolean;
}

export interface RecordingOptions {
  channelName: string;
  config: CameraConfig;
  /** Name of the rendition that is recorded. */
  rendition: string;
  storage: MediaStorage;
  signaling: () => RecordingSignaling;
  /** Keeps the camera running … */
  acquire: () => { release(): void };
  /** … and has it produce a rendition, until released. */
  acquireRendition: (rendition: string) => { release(): void };
  createTransport: () => SecureTransport;
  iceServers: () => Array<Promise<readonly IceServer[]>>;
  onGap: (gap: StorageGap) => void;
  onStatus: () => void;
  /** The device's network is back; as for `supervise`. */
  restored: () => AbortSignal;
  clock: Clock;
  random: Random;
  log: Log;
}

/** For KEPT_MS, some 4 MB at 1 Mbps. */
const HISTORY_BYTES = 16 * 1024 * 1024;
const BACKOFF = { baseMs: 1_000, maxMs: 30_000 };
/** The storage side names no client. */
const NOBODY = '';

/** The recording of one camera: its own copy of picture and sound, and the storage session that they go to. */
export class Recording {
  readonly session: StorageSession;
  readonly #options: RecordingOptions;
  readonly #video: MediaStream;
  readonly #audio: MediaStream;
  #rendition: string;
  /** Has it produced, while there is a session or one is looked for. */
  #wanted: { release(): void } | undefined;
  /** Resolved and made anew whenever signaling changes. */
  #signalingChange = Promise.withResolvers<void>();

  constructor(options: RecordingOptions) {
    const { channelName, config, rendition, storage, signaling, clock } = options;
    this.#options = options;
    this.#rendition = rendition;
    const kept = { clock, historyMs: KEPT_MS, historyBytes: HISTORY_BYTES };
    this.#video = new MediaStream({ codec: 'h264', ...kept });
    this.#audio = new MediaStream({ codec: 'opus', ...kept });
    const { createTransport, iceServers, onGap, onStatus, random, log } = options;
    this.session = new StorageSession({
      channelName,
      service: storage,
      signaling: {
        connected: (signal) => this.#connected(signal),
        sendAnswer: (sdp) => signaling().sendAnswer(NOBODY, sdp),
        sendCandidate: (candidate) =>
          signaling().sendCandidate(NOBODY, { candidate, sdpMid: '0', sdpMLineIndex: 0 }),
      },
      streams: { video: only(rendition, config, this.#video), audio: this.#audio },
      video: this.#video,
      maxBitrateKbps: config.storage.maxBitrateKbps,
      twcc: config.twcc.enabled,
      timing: { renewAfterMs: config.storage.renewAfterMinutes * 60_000 },
      acquire: () => this.#acquire(),
      createTransport,
      iceServers,
      onGap,
      onStatus,
      clock,
      random,
      log,
    });
  }

  get status(): StorageStatus {
    return this.session.status;
  }

  /** For metrics. */
  get condition(): RecordingCondition {
    const { status, counters, gaps, sentBytes } = this.session;
    return { isRecording: status.state === 'recording', ...counters, gaps: gaps.count, sentBytes };
  }

  push(track: string, unit: AccessUnit): void {
    if (track === 'audio') this.#audio.push(unit);
    else if (track === this.#rendition) this.#video.push(unit);
  }

  /** Another capture follows, with another rendition to record. */
  recordAnother(rendition: string): void {
    this.#rendition = rendition;
    this.#video.markDamaged();
    if (!this.#wanted) return;
    this.#wanted.release();
    this.#wanted = this.#options.acquireRendition(rendition);
  }

  signalingChanged(): void {
    this.#signalingChange.resolve();
    this.#signalingChange = Promise.withResolvers<void>();
  }

  /** Resolves on abort, with every session closed. */
  async run(signal: AbortSignal): Promise<void> {
    const { restored, clock, random, log } = this.#options;
    const options = { name: 'recording', backoff: BACKOFF, restored, clock, random, log };
    await supervise((stop) => this.session.run(stop), signal, options);
    await this.session.close();
  }

  #acquire(): { release(): void } {
    const camera = this.#options.acquire();
    this.#wanted = this.#options.acquireRendition(this.#rendition);
    return {
      release: () => {
        this.#wanted?.release();
        this.#wanted = undefined;
        camera.release();
      },
    };
  }

  async #connected(signal: AbortSignal): Promise<void> {
    const { signaling } = this.#options;
    const stop = () => this.signalingChanged();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted && !signaling().status.connected) await this.#signalingChange.promise;
    signal.removeEventListener('abort', stop);
  }
}

/** A camera's renditions where there is nothing to choose. */
function only(name: string, { video }: CameraConfig, stream: MediaStream): Renditions {
  const rendition = video.renditions[name];
  if (!rendition) throw new Error(`the camera has no rendition "${name}"`);
  return {
    list: () => [{ name, ...rendition }],
    lease: () => ({ stream, release: () => {} }),
    onChange: () => () => {},
  };
}
