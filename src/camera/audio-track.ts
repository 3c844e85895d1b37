import type { AudioCodec } from '../config/config.ts';
import type { AccessUnit } from '../rtp/access-unit.ts';
import type { Clock, Timer } from '../runtime/clock.ts';

const FRAME_MS = 20;
/** So long without a frame, and silence takes over … */
const SILENCE_AFTER_MS = 500;
/** … which is looked at so often: a timer for each frame would wake the device for nothing. */
const WATCH_MS = 50;
/** What was sent last lies so far in the future only where the wall clock was set back. */
const SET_BACK_MS = 1_000;

/** 20 ms of silence. Opus: one CELT full-band mono frame without energy; G.711: 160 zero samples. */
const SILENT_FRAME: Record<AudioCodec, Buffer> = {
  opus: Buffer.from([0xf8, 0xff, 0xfe]),
  pcmu: Buffer.alloc(160, 0xff),
  pcma: Buffer.alloc(160, 0xd5),
};

export interface AudioTrackOptions {
  codec: AudioCodec;
  clock: Clock;
  /** Whether there is a picture that silence should go with. */
  silenceWanted: () => boolean;
  emit: (unit: AccessUnit) => void;
  onChange: () => void;
}

/** The sound of a camera: what the source gives, or silence while it gives nothing. */
export class AudioTrack {
  readonly #options: AudioTrackOptions;
  #timer: Timer | undefined;
  #state: 'on' | 'silence' | 'off' = 'off';
  /** Both on the monotonic clock. */
  #lastRealAt = 0;
  #pictureSince: number | undefined;
  #lastCaptureTimeMs = 0;

  constructor(options: AudioTrackOptions) {
    this.#options = options;
  }

  get state(): 'on' | 'silence' | 'off' {
    return this.#state;
  }

  start(): void {
    const { clock } = this.#options;
    this.#lastRealAt = clock.monotonic();
    this.#timer ??= clock.after(FRAME_MS, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pictureSince = undefined;
    this.#set('off');
  }

  /** A frame of the source. One that silence has already stood in for is dropped. */
  push(unit: AccessUnit): void {
    const { clock } = this.#options;
    this.#lastRealAt = clock.monotonic();
    if (this.#lastCaptureTimeMs - clock.now() > SET_BACK_MS) this.#lastCaptureTimeMs = 0;
    if (this.#timer === undefined || unit.captureTimeMs < this.#lastCaptureTimeMs + FRAME_MS / 2) return;
    this.#set('on');
    this.#send(unit);
  }

  #tick(): void {
    this.#fillSilence();
    // Whoever was told of a change may have stopped it.
    if (this.#timer === undefined) return;
    const waitMs = this.#state === 'silence' ? FRAME_MS : WATCH_MS;
    this.#timer = this.#options.clock.after(waitMs, () => this.#tick());
  }

  #fillSilence(): void {
    const { clock, silenceWanted, codec } = this.#options;
    const uptime = clock.monotonic();
    if (!silenceWanted()) {
      this.#pictureSince = undefined;
      if (uptime - this.#lastRealAt >= SILENCE_AFTER_MS) this.#set('off');
      return;
    }
    this.#pictureSince ??= uptime;
    if (uptime - Math.max(this.#lastRealAt, this.#pictureSince) < SILENCE_AFTER_MS) return;
    this.#set('silence');
    const now = clock.now();
    const behind = now - this.#lastCaptureTimeMs;
    // Frames that a late timer missed are made up; a gap before the silence is not.
    if (behind < 0 || behind > SILENCE_AFTER_MS) this.#lastCaptureTimeMs = now - FRAME_MS;
    while (this.#lastCaptureTimeMs + FRAME_MS <= now) {
      const captureTimeMs = this.#lastCaptureTimeMs + FRAME_MS;
      this.#send({ codec, data: SILENT_FRAME[codec], captureTimeMs, keyframe: true });
    }
  }

  #send(unit: AccessUnit): void {
    this.#lastCaptureTimeMs = unit.captureTimeMs;
    this.#options.emit(unit);
  }

  #set(state: 'on' | 'silence' | 'off'): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onChange();
  }
}
