import type {
  AudioCodec,
  CameraConfig,
  RenditionConfig,
  SourceConfig,
  VideoCodec,
} from '../config/config.ts';

/** One elementary stream that an ffmpeg process delivers. */
export type TrackPlan =
  | { kind: 'video'; name: string; codec: VideoCodec; rendition: RenditionConfig; passThrough: boolean }
  | { kind: 'audio'; name: 'audio'; codec: AudioCodec };

export type InputSource =
  | Exclude<SourceConfig, { type: 'v4l2' } | { type: 'rtsp' }>
  | { type: 'v4l2'; device: string }
  | { type: 'alsa'; device: string }
  | { type: 'rtsp'; url: string; transport: 'tcp' | 'udp' };

/** `sub`, `ladder`: renditions that have a process of their own, which runs while one of them is wanted. */
export type InputName = 'main' | 'sub' | 'ladder' | 'microphone';

/** One ffmpeg process: one input and the tracks made from it. */
export interface InputPlan {
  name: InputName;
  source: InputSource;
  tracks: TrackPlan[];
}

/** What is learned about an input only by running it. */
export interface InputFacts {
  /** Its video cannot be passed through: wrong codec or profile, or B-frames. */
  mustTranscode: boolean;
  /** It carries no audio. */
  noAudio: boolean;
}

export const NO_FACTS: InputFacts = { mustTranscode: false, noAudio: false };

/**
 * Divides a camera into ffmpeg processes, one an input, so that a stalled one stops no other. The best rendition
 * of an input is passed through where the source may already be right; the others are encoded.
 */
export function planInputs(config: CameraConfig): InputPlan[] {
  const { source, video, audio } = config;
  const tracks: TrackPlan[] = Object.entries(video.renditions).map(([name, rendition], index) => ({
    kind: 'video' as const,
    name,
    codec: video.codec,
    rendition,
    passThrough: index === 0 && mayPassThrough(config),
  }));
  const sound: TrackPlan[] = audio.enabled ? [{ kind: 'audio', name: 'audio', codec: audio.codec }] : [];
  if (source.type === 'v4l2') return planDevice(source, tracks, sound);
  if (source.type === 'rtsp') return planRtsp(source, tracks, sound);
  const silent = source.type === 'command' && source.format !== 'mpegts' && source.format !== 'nut';
  return [{ name: 'main', source, tracks: silent ? tracks : [...tracks, ...sound] }];
}

function planDevice(
  source: Extract<SourceConfig, { type: 'v4l2' }>,
  tracks: TrackPlan[],
  sound: TrackPlan[],
): InputPlan[] {
  const inputs: InputPlan[] = [{ name: 'main', source: { type: 'v4l2', device: source.device }, tracks }];
  if (source.audioDevice !== undefined && source.audioDevice !== '' && sound.length > 0) {
    const microphone: InputSource = { type: 'alsa', device: source.audioDevice };
    inputs.push({ name: 'microphone', source: microphone, tracks: sound });
  }
  return inputs;
}

/**
 * The second rendition comes from the camera's sub stream where there is one. What has to be encoded beside a stream that is passed
 * through has a connection to the camera of its own: while nobody wants it, nothing is decoded.
 */
function planRtsp(
  source: Extract<SourceConfig, { type: 'rtsp' }>,
  tracks: TrackPlan[],
  sound: TrackPlan[],
): InputPlan[] {
  const transport = source.transport ?? 'tcp';
  const main: InputSource = { type: 'rtsp', url: source.url, transport };
  const [best, second, ...lower] = tracks;
  const passThrough = best?.kind === 'video' && best.passThrough;
  const inputs: InputPlan[] = [];
  const encoded = source.subUrl === undefined && second ? [second, ...lower] : lower;
  const apart = passThrough ? encoded : [];
  const together = passThrough ? [] : encoded;
  inputs.push({ name: 'main', source: main, tracks: [...(best ? [best] : []), ...together, ...sound] });
  if (source.subUrl !== undefined && second?.kind === 'video') {
    const sub: InputSource = { type: 'rtsp', url: source.subUrl, transport };
    inputs.push({ name: 'sub', source: sub, tracks: [{ ...second, passThrough }] });
  }
  if (apart.length > 0) inputs.push({ name: 'ladder', source: main, tracks: apart });
  return inputs;
}

/** `auto` and `copy` pass a source through unless its picture has to be changed. */
function mayPassThrough({ source, video, storage, orientation, crop, overlay }: CameraConfig): boolean {
  // What comes from the source may be larger than storage takes.
  if (storage.enabled && video.encoder !== 'copy') return false;
  if (video.encoder !== 'auto' && video.encoder !== 'copy') return false;
  if (source.type === 'test') return false;
  if (source.type === 'command' && source.format === 'mjpeg') return false;
  if (video.encoder === 'copy') return true;
  return !orientation && crop === undefined && overlay === undefined;
}

/** The plan corrected by what has been learned. */
export function applyFacts(input: InputPlan, facts: InputFacts): InputPlan {
  const tracks = input.tracks
    .filter((track) => track.kind === 'video' || !facts.noAudio)
    .map((track) =>
      track.kind === 'video' && facts.mustTranscode ? { ...track, passThrough: false } : track,
    );
  return { ...input, tracks };
}
