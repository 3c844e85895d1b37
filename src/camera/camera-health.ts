import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { CaptureError } from './ffmpeg-process.ts';
import type { TrackInfo } from './track-reader.ts';

export interface CameraStatus {
  /** `starting`: no picture yet. `failed`: no picture, and it is being tried again. */
  state: 'off' | 'starting' | 'streaming' | 'failed';
  /** What is or was wrong last, with ffmpeg's own words; gone when it works again. */
  reason?: string;
  /** Capture time of the last picture, epoch milliseconds. */
  lastFrameAt?: number;
  /** `silence`: the source gives no sound and silence is sent instead. */
  audio: 'on' | 'silence' | 'off';
  /** Failures of the capture since the agent started. */
  restarts: number;
  /** Those after a capture that ran on and gave nothing. */
  stalls: number;
  /** What each track that runs turned out to be, by its name (a rendition's name, or `audio`). */
  tracks: Record<string, TrackInfo>;
}

/** What is known of a camera, told to whoever listens. */
export class CameraHealth {
  readonly #audio: () => CameraStatus['audio'];
  readonly #log: Log;
  readonly #listeners = new Set<(status: CameraStatus) => void>();
  #state: CameraStatus['state'] = 'off';
  /** What is wrong with each input; gone with its next access unit. */
  readonly #reasons = new Map<string, string>();
  #restarts = 0;
  #stalls = 0;
  #lastFrameAt: number | undefined;
  #tracks: Record<string, TrackInfo> = {};

  constructor(audio: () => CameraStatus['audio'], log: Log) {
    this.#audio = audio;
    this.#log = log;
  }

  get state(): CameraStatus['state'] {
    return this.#state;
  }

  get status(): CameraStatus {
    const reason = [...this.#reasons.values()].join('; ');
    return {
      state: this.#state,
      ...(reason !== '' && { reason }),
      ...(this.#lastFrameAt !== undefined && { lastFrameAt: this.#lastFrameAt }),
      audio: this.#audio(),
      restarts: this.#restarts,
      stalls: this.#stalls,
      tracks: this.#tracks,
    };
  }

  /** Returns the function that ends it. */
  onChange(listener: (status: CameraStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  starting(): void {
    this.#setState('starting');
  }

  off(): void {
    this.#tracks = {};
    this.#setState('off');
  }

  /** A picture came, captured then. Told once a key frame has come: what is before it cannot be shown. */
  picture(captureTimeMs: number, keyframe: boolean): void {
    this.#lastFrameAt = captureTimeMs;
    if (keyframe) this.#setState('streaming');
  }

  /** An access unit of this track came, which turned out to be so. */
  track(name: string, info: TrackInfo): void {
    if (this.#tracks[name] === info) return;
    this.#tracks = { ...this.#tracks, [name]: info };
    this.changed();
  }

  /** Only these tracks go on. */
  keepTracks(isKept: (name: string) => boolean): void {
    const kept = Object.entries(this.#tracks).filter(([name]) => isKept(name));
    if (kept.length === Object.keys(this.#tracks).length) return;
    this.#tracks = Object.fromEntries(kept);
    this.changed();
  }

  /** The main input carries the picture; another one's failure only costs its own tracks. */
  failed(input: string, error: unknown): void {
    this.#restarts += 1;
    if (error instanceof CaptureError && error.stalled) this.#stalls += 1;
    this.#reasons.set(input, input === 'main' ? errorText(error) : `${input}: ${errorText(error)}`);
    if (input === 'main') this.#state = 'failed';
    this.changed();
  }

  /** The input works, or is not wanted any more. */
  mended(input: string): void {
    if (this.#reasons.delete(input)) this.changed();
  }

  changed(): void {
    const { status } = this;
    for (const listener of this.#listeners) listener(status);
  }

  #setState(state: CameraStatus['state']): void {
    if (state === this.#state) return;
    this.#log.info({ from: this.#state, to: state }, 'camera');
    this.#state = state;
    this.changed();
  }
}
