import type { CameraConfig } from '../config/config.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AccessUnit } from '../rtp/access-unit.ts';
import { aborted, type Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { supervise } from '../runtime/supervise.ts';
import { AudioTrack } from './audio-track.ts';
import { CameraHealth, type CameraStatus } from './camera-health.ts';
import { CaptureInput, type ResolveCredentials } from './capture-input.ts';
import { planInputs, type InputPlan } from './capture-plan.ts';
import { Demand } from './demand.ts';
import { ffmpegAt } from './ffmpeg-probe.ts';
import { RenditionDemand } from './rendition-demand.ts';
import type { TrackInfo } from './track-reader.ts';

export type AccessUnitListener = (track: string, unit: AccessUnit) => void;

export interface CameraOptions {
  name: string;
  config: CameraConfig;
  ffmpegPath: string;
  /** Niceness of the capture processes, 0 (default) to 19. */
  ffmpegNice?: number;
  resolveCredentials?: ResolveCredentials;
  clock: Clock;
  random: Random;
  log: Log;
}

/** A camera is on this device or near it: it is tried again soon, so that its picture is back soon after it is. */
const CAPTURE_BACKOFF = { baseMs: 250, maxMs: 2000 };
/** A probe that has seen no picture by then gives up. */
const PROBE_MS = 15_000;

/**
 * A camera: turns its source into access units while somebody wants them. Tracks are named after the renditions,
 * and `audio`. Everything it does happens inside `run`.
 */
export class Camera {
  readonly #options: CameraOptions;
  readonly #demand: Demand;
  readonly #wants: RenditionDemand;
  readonly #inputs: CaptureInput[];
  readonly #audio: AudioTrack;
  readonly #unitListeners = new Set<AccessUnitListener>();
  readonly #health: CameraHealth;
  /** Aborts when the next holder comes. */
  #newcomer = new AbortController();

  constructor(options: CameraOptions) {
    this.#options = options;
    const { config, clock, log } = options;
    this.#health = new CameraHealth(() => this.#audio.state, log);
    this.#demand = new Demand(clock, config.idleGraceSeconds * 1000);
    this.#wants = new RenditionDemand(Object.keys(config.video.renditions), clock);
    this.#inputs = planInputs(config).map((plan) => this.#createInput(plan));
    this.#audio = new AudioTrack({
      codec: config.audio.codec,
      clock,
      silenceWanted: () => this.#health.state === 'streaming',
      emit: (unit) => this.#emit('audio', unit),
      onChange: () => this.#health.changed(),
    });
  }

  /** Keeps the camera on until `release` (idempotent); the first one starts it at once, and a later one has it tried again at once. */
  acquire(): { release(): void } {
    this.#newcomer.abort();
    this.#newcomer = new AbortController();
    return this.#demand.acquire();
  }

  /** Has a rendition produced while the camera is on, until `release` (idempotent). Without any, it is the best one. */
  acquireRendition(name: string): { release(): void } {
    return this.#wants.acquire(name);
  }

  /** Returns the function that ends it. What a listener throws is logged and harms nobody else. */
  onAccessUnit(listener: AccessUnitListener): () => void {
    this.#unitListeners.add(listener);
    return () => void this.#unitListeners.delete(listener);
  }

  /** Told of every change but that of `lastFrameAt`. Returns the function that ends it. */
  onStatus(listener: (status: CameraStatus) => void): () => void {
    return this.#health.onChange(listener);
  }

  status(): CameraStatus {
    return this.#health.status;
  }

  /** Resolves on abort, when every process has ended. A disabled camera never opens its device. */
  async run(signal: AbortSignal): Promise<void> {
    const { config, clock, ffmpegPath } = this.#options;
    if (!config.enabled) return aborted(signal);
    // Asked early, so that the first viewer need not wait for the answers; a fault is reported by the capture.
    ffmpegAt(ffmpegPath, clock)
      .capabilities()
      .catch(() => {});
    const prewarm = config.prewarm ? this.#demand.acquire() : undefined;
    const intervalMs = (config.probeIntervalSeconds ?? 0) * 1000;
    const probe = intervalMs > 0 ? clock.every(intervalMs, () => this.#probe()) : undefined;
    while (!signal.aborted) {
      if (this.#demand.wanted) await this.#capture(signal);
      else await this.#demandChange(signal);
    }
    probe?.cancel();
    prewarm?.release();
  }

  /** Captures while the camera is wanted. */
  async #capture(signal: AbortSignal): Promise<void> {
    const { config } = this.#options;
    const session = new AbortController();
    const stop = () => session.abort();
    signal.addEventListener('abort', stop, { once: true });
    this.#demand.onChange((wanted) => !wanted && stop());
    this.#health.starting();
    // A recording has a sound track always, and be it silence.
    if (config.audio.enabled || config.storage.enabled) this.#audio.start();
    const forget = this.#wants.onChange(() => this.#wantsChanged());
    await Promise.all(this.#inputs.map((input) => this.#runWhileWanted(input, session.signal)));
    forget();
    signal.removeEventListener('abort', stop);
    this.#audio.stop();
    this.#health.off();
  }

  async #runWhileWanted(input: CaptureInput, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    while (!signal.aborted) {
      const turn = new AbortController();
      const forget = this.#wants.onChange(() => input.isWanted !== wasWanted && turn.abort());
      const wasWanted = input.isWanted;
      const until = AbortSignal.any([signal, turn.signal]);
      if (!wasWanted) await aborted(until);
      else
        await supervise((runSignal) => input.run(runSignal), until, {
          name: `capture ${input.name}`,
          clock,
          random,
          log,
          backoff: CAPTURE_BACKOFF,
          onFailure: (error) => this.#health.failed(input.name, error),
          hurry: () => this.#newcomer.signal,
        });
      forget();
      if (!signal.aborted) this.#health.mended(input.name);
    }
  }

  /** A rendition that nobody wants any more has no track. */
  #wantsChanged(): void {
    for (const input of this.#inputs) input.wantsChanged();
    this.#health.keepTracks((name) => name === 'audio' || this.#wants.isWanted(name));
  }

  #demandChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.#demand.onChange(done);
    });
  }

  /** A look whether an unused camera still gives a picture: on until the first one, then off at once. */
  #probe(): void {
    if (this.#demand.wanted) return;
    const { clock } = this.#options;
    const hold = this.#demand.acquire(0);
    const end = () => {
      timer.cancel();
      unsubscribe();
      hold.release();
    };
    const timer = clock.after(PROBE_MS, end);
    const unsubscribe = this.onAccessUnit((track) => track !== 'audio' && end());
  }

  #createInput(plan: InputPlan): CaptureInput {
    const { config, ffmpegPath, ffmpegNice = 0, resolveCredentials, clock, log } = this.#options;
    return new CaptureInput({
      plan,
      config,
      ffmpeg: ffmpegAt(ffmpegPath, clock),
      nice: ffmpegNice,
      resolveCredentials,
      clock,
      log,
      isWanted: (rendition) => this.#wants.isWanted(rendition),
      onAccessUnit: (track, unit, info) => {
        this.#health.mended(plan.name);
        this.#accessUnit(track, unit, info);
      },
    });
  }

  #accessUnit(track: string, unit: AccessUnit, info: TrackInfo | undefined): void {
    // What was on its way when its last viewer left would be a stream with a hole.
    if (track !== 'audio' && !this.#wants.isWanted(track)) return;
    if (info !== undefined) this.#health.track(track, info);
    if (track === 'audio') return this.#audio.push(unit);
    this.#health.picture(unit.captureTimeMs, unit.keyframe);
    this.#emit(track, unit);
  }

  #emit(track: string, unit: AccessUnit): void {
    for (const listener of this.#unitListeners) {
      try {
        listener(track, unit);
      } catch (error) {
        this.#options.log.error({ track, error: errorText(error) }, 'an access unit could not be handled');
      }
    }
  }
}
