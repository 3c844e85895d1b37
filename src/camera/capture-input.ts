import type { CameraConfig } from '../config/config.ts';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AccessUnit } from '../rtp/access-unit.ts';
import type { Clock } from '../runtime/clock.ts';
import { applyFacts, NO_FACTS, type InputFacts, type InputPlan } from './capture-plan.ts';
import { ffmpegArgs, type ArgsContext } from './ffmpeg-args.ts';
import type { Ffmpeg } from './ffmpeg-probe.ts';
import { CaptureError, runFfmpeg } from './ffmpeg-process.ts';
import { rtspHost, type Credentials } from './source-args.ts';
import { Timeline } from './timeline.ts';
import { NotPassableError, TrackReader, type TrackInfo } from './track-reader.ts';
import { chooseV4l2Format } from './v4l2-formats.ts';

/** Looks up the login that a `credentialsRef` names, for a camera on `host`. Rejects with what is wrong. */
export type ResolveCredentials = (credentialsRef: string, host: string) => Promise<Credentials>;

export interface CaptureInputOptions {
  plan: InputPlan;
  config: CameraConfig;
  ffmpeg: Ffmpeg;
  /** Niceness of the processes, 0 to 19. */
  nice: number;
  resolveCredentials: ResolveCredentials | undefined;
  clock: Clock;
  log: Log;
  /** Whether a rendition is wanted just now. */
  isWanted: (rendition: string) => boolean;
  /** `info` is the same object until something about the track changes. */
  onAccessUnit: (track: string, unit: AccessUnit, info: TrackInfo | undefined) => void;
}

/** One input of a camera: runs ffmpeg on it, and finds out by running what can be known in no other way. */
export class CaptureInput {
  readonly #options: CaptureInputOptions;
  #facts: InputFacts = NO_FACTS;
  #setGates = () => {};
  /** ffmpeg forgets what it is told before its filters are set up, which they are when the first picture comes. */
  #hadPicture = false;

  constructor(options: CaptureInputOptions) {
    this.#options = options;
  }

  get name(): InputPlan['name'] {
    return this.#options.plan.name;
  }

  /** Whether there is reason to run: the main input and the microphone always have one. */
  get isWanted(): boolean {
    const { plan, isWanted } = this.#options;
    const onDemand = plan.name === 'sub' || plan.name === 'ladder';
    return !onDemand || plan.tracks.some(({ name }) => isWanted(name));
  }

  /** Other renditions are wanted than before. */
  wantsChanged(): void {
    this.#setGates();
  }

  /** Resolves on abort, rejects when the capture failed. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#capture(signal);
        return;
      } catch (error) {
        const learned = this.#learn(error);
        // A camera that failed may come back as another one.
        this.#facts = learned ?? NO_FACTS;
        if (learned === undefined) throw error;
        this.#options.log.info(
          { input: this.#options.plan.name, because: errorText(error) },
          'source is handled anew',
        );
      }
    }
  }

  /** New facts from a failure, or undefined when it tells nothing new. Ends: every fact is learned once. */
  #learn(error: unknown): InputFacts | undefined {
    const refused = error instanceof NotPassableError && this.#options.config.video.encoder !== 'copy';
    if (refused && !this.#facts.mustTranscode) return { ...this.#facts, mustTranscode: true };
    if (!(error instanceof CaptureError)) return undefined;
    const noAudio = /0:a:0\W*matches no streams/.test(error.lastWords);
    if (noAudio && !this.#facts.noAudio) return { ...this.#facts, noAudio: true };
    return undefined;
  }

  async #capture(signal: AbortSignal): Promise<void> {
    const { config, ffmpeg, nice, clock, onAccessUnit } = this.#options;
    const { plan, context } = await this.#prepare();
    if (signal.aborted) return;
    const timeline = new Timeline(clock);
    const fussy = config.video.encoder !== 'copy';
    const readers = plan.tracks.map((track, index) => new TrackReader(track, index, timeline, fussy));
    const hasPicture = plan.tracks.some(({ kind }) => kind === 'video');
    const args = ffmpegArgs(plan, context);
    this.#hadPicture = false;
    this.#setGates = () => {};
    const task = { ...args, path: ffmpeg.path, nice, trackCount: plan.tracks.length, clock };
    await runFfmpeg(
      {
        ...task,
        isVital: (index) => {
          const track = plan.tracks[index];
          if (track?.kind !== 'video') return !hasPicture;
          return !args.gates.has(track.name) || context.isWanted(track.name);
        },
        onRunning: args.gates.size > 0 ? (tell) => this.#tendGates(args.gates, tell) : undefined,
        onPacket: (index, packet, stream) => {
          if (!this.#hadPicture && plan.tracks[index]?.kind === 'video') this.#firstPicture();
          const unit = readers[index]?.read(packet, stream);
          if (unit) onAccessUnit(plan.tracks[index]?.name ?? '', unit, readers[index]?.info);
        },
      },
      signal,
    );
  }

  #firstPicture(): void {
    this.#hadPicture = true;
    this.#setGates();
  }

  /** ffmpeg hears on its standard input, within 100 ms, which renditions it is to encode. */
  #tendGates(gates: ReadonlyMap<string, string>, tell: (command: string) => void): void {
    const { isWanted } = this.#options;
    const isOpen = new Map([...gates.keys()].map((rendition) => [rendition, isWanted(rendition)]));
    this.#setGates = () => {
      if (!this.#hadPicture) return;
      for (const [rendition, filter] of gates) {
        const open = isWanted(rendition);
        if (isOpen.get(rendition) === open) continue;
        isOpen.set(rendition, open);
        tell(`c${filter} -1 enable ${open ? 0 : 1}\n`);
      }
    };
  }

  /** The plan as far as it is known, and all that its arguments depend on. */
  async #prepare(): Promise<{ plan: InputPlan; context: ArgsContext }> {
    const { config, ffmpeg, log, isWanted } = this.#options;
    const { source } = this.#options.plan;
    const capabilities = await ffmpeg.capabilities();
    const { v4l2Format, facts } = await this.#deviceFormat();
    const plan = applyFacts(this.#options.plan, facts);
    const { encoder: wanted, codec } = config.video;
    const named = wanted !== 'auto' && wanted !== 'copy';
    const encoder = named ? wanted : await ffmpeg.autoEncoder(codec);
    if (named && !capabilities.encoders.has(encoder)) {
      throw new Error(`video.encoder: this ffmpeg (${capabilities.versionText}) has no encoder "${encoder}"`);
    }
    if (config.overlay && !capabilities.drawText)
      log.warn({}, 'overlay: this ffmpeg writes no text into pictures (filter drawtext, and a font)');
    const credentials = source.type === 'rtsp' ? await this.#credentials(source.url) : undefined;
    const context: ArgsContext = {
      config,
      capabilities,
      encoder,
      isWanted,
      ...(v4l2Format && { v4l2Format }),
      ...(credentials && { credentials }),
    };
    return { plan, context };
  }

  async #deviceFormat() {
    const { source, tracks } = this.#options.plan;
    const first = tracks[0];
    if (source.type !== 'v4l2' || first?.kind !== 'video') return { facts: this.#facts };
    const mayPassThrough = first.passThrough && first.codec === 'h264' && !this.#facts.mustTranscode;
    const formats = await this.#options.ffmpeg.v4l2Formats(source.device);
    const v4l2Format = chooseV4l2Format(formats, first.rendition, mayPassThrough);
    const mustTranscode = this.#facts.mustTranscode || v4l2Format?.name !== 'h264';
    return { v4l2Format, facts: { ...this.#facts, mustTranscode } };
  }

  async #credentials(url: string): Promise<Credentials | undefined> {
    const { config, resolveCredentials } = this.#options;
    const reference = config.source.type === 'rtsp' ? config.source.credentialsRef : undefined;
    if (reference === undefined || reference === '') return undefined;
    if (!resolveCredentials) throw new Error(`credentialsRef "${reference}" cannot be looked up`);
    return resolveCredentials(reference, rtspHost(url));
  }
}
