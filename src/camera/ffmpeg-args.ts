import type { AudioCodec, CameraConfig } from '../config/config.ts';
import type { InputPlan, TrackPlan } from './capture-plan.ts';
import type { FfmpegCapabilities } from './ffmpeg-probe.ts';
import { pictureFilters, renditionFilters } from './picture-filters.ts';
import { sourceArgs, type SourceArgs, type SourceContext } from './source-args.ts';
import { testInputArgs } from './test-source.ts';
import { deviceArgs, encoderArgs } from './video-encoders.ts';

/** What the arguments depend on beside the plan. */
export interface ArgsContext extends Omit<SourceContext, 'version'> {
  config: CameraConfig;
  capabilities: FfmpegCapabilities;
  /** Name of ffmpeg's encoder for the tracks that are not passed through. */
  encoder: string;
  /** Renditions that are encoded from the start; the others when their gates are opened. */
  isWanted: (rendition: string) => boolean;
}

export interface CaptureArgs extends SourceArgs {
  /** By track: the filter that keeps its pictures from being encoded, and is told on ffmpeg's standard input to let them through. */
  gates: ReadonlyMap<string, string>;
}

type VideoTrack = Extract<TrackPlan, { kind: 'video' }>;

/**
 * The whole command line of one capture process (without the program). Track n of the plan is written as NUT
 * to file descriptor 3 + n: with one muxer a track, none waits for another's packets to be interleaved.
 */
export function ffmpegArgs(input: InputPlan, context: ArgsContext): CaptureArgs {
  const { version } = context.capabilities;
  const fps = Math.max(1, ...input.tracks.map((track) => (track.kind === 'video' ? track.rendition.fps : 1)));
  const source =
    input.source.type === 'test'
      ? testSource(input, context)
      : sourceArgs(input.source, fps, { ...context, version });
  const encoded = input.tracks.filter(
    (track): track is VideoTrack => track.kind === 'video' && !track.passThrough,
  );
  const stdinIsFree = source.stdinText === undefined && source.producer === undefined;
  const videos = input.tracks.filter(({ kind }) => kind === 'video');
  const isGated = stdinIsFree && videos.length > 1;
  const gates = new Map(isGated ? encoded.map((track) => [track.name, gate(track)]) : []);
  const graph = encodeGraph(encoded, gates, context);
  const args = ['-hide_banner', '-nostats', '-loglevel', 'warning', '-copyts'];
  if (stdinIsFree && gates.size === 0) args.push('-nostdin');
  if (encoded.length > 0) args.push(...deviceArgs(context.encoder));
  args.push(...source.args);
  if (graph !== '') args.push('-filter_complex_threads', '1', '-filter_complex', graph);
  for (const [index, track] of input.tracks.entries()) {
    args.push(...trackArgs(track, input, context));
    args.push('-f', 'nut', '-write_index', '0', '-flush_packets', '1', `pipe:${3 + index}`);
  }
  return { ...source, args, gates };
}

function trackArgs(track: TrackPlan, input: InputPlan, context: ArgsContext): string[] {
  const isTest = input.source.type === 'test';
  if (track.kind === 'audio') {
    const codec = audioArgs(track.codec, context);
    // Real sources have gaps and drift: they are filled and stretched.
    const filters = [isTest ? 'anull' : 'aresample=async=1', ...audioFrames(track.codec)];
    return ['-map', '0:a:0', ...codec, '-af', filters.join(',')];
  }
  if (track.passThrough) return ['-map', '0:v:0', '-c:v', 'copy'];
  const { keyframeIntervalSeconds } = context.config.video;
  const sync = context.capabilities.version >= 5.01 ? '-fps_mode' : '-vsync';
  const { args } = encoderArgs(context.encoder, track.rendition, keyframeIntervalSeconds);
  // The rate is a hint for rate control; with `vfr` and fine stamps no frame is dropped or made up.
  args.push('-r', String(track.rendition.fps), sync, 'vfr', '-enc_time_base', '1:90000');
  return ['-map', `[${label(track)}]`, ...args];
}

/**
 * Opus in the general mode: 6.5 ms of look-ahead buy much better speech at low rates than `lowdelay`. With in-band FEC it
 * takes the coding made for speech where it is told of more than 5 % loss: the only one that has FEC.
 */
function audioArgs(codec: AudioCodec, { config, capabilities }: ArgsContext): string[] {
  if (codec === 'pcmu') return ['-c:a', 'pcm_mulaw', '-ar', '8000', '-ac', '1'];
  if (codec === 'pcma') return ['-c:a', 'pcm_alaw', '-ar', '8000', '-ac', '1'];
  const { bitrateKbps, fec } = config.audio;
  const channels = bitrateKbps >= 64 ? '2' : '1';
  const opus = '-c:a libopus -application audio -frame_duration 20 -compression_level 5 -ar 48000'.split(' ');
  if (fec && capabilities.version >= 5.01) opus.push('-fec', '1', '-packet_loss', '10');
  return [...opus, '-ac', channels, '-b:a', `${bitrateKbps}k`];
}

/** G.711 has no frames of its own: 20 ms. */
function audioFrames(codec: AudioCodec): string[] {
  return codec === 'opus' ? [] : ['aresample=8000', 'asetnsamples=n=160:p=0'];
}

/** Names of renditions are free text; labels of a filter graph are not. */
function label(track: VideoTrack): string {
  return `v${Buffer.from(track.name).toString('hex')}`;
}

/** Name of the filter that stands before a rendition. */
function gate(track: VideoTrack): string {
  return `metadata@${label(track)}`;
}

function testSource(input: InputPlan, context: ArgsContext): SourceArgs {
  const renditions = input.tracks.flatMap((track) => (track.kind === 'video' ? [track.rendition] : []));
  const largest = {
    width: Math.max(...renditions.map(({ width }) => width)),
    height: Math.max(...renditions.map(({ height }) => height)),
    fps: Math.max(...renditions.map(({ fps }) => fps)),
    bitrateKbps: 0,
  };
  const hasSound = input.tracks.some(({ kind }) => kind === 'audio');
  const args = testInputArgs(largest, hasSound, context.capabilities.drawText);
  return { args, secrets: [], firstFrameTimeoutMs: 5000, stallTimeoutMs: 3000 };
}

function encodeGraph(
  encoded: VideoTrack[],
  gates: ReadonlyMap<string, string>,
  context: ArgsContext,
): string {
  if (encoded.length === 0) return '';
  const filters = pictureFilters(context.config, context.capabilities.drawText);
  return `[0:v:0]${[...filters, split(encoded, gates, context)].join(',')}`;
}

/** Divides one picture into the renditions, each ending in its label. */
function split(videos: VideoTrack[], gates: ReadonlyMap<string, string>, context: ArgsContext): string {
  const { encoder, config, isWanted } = context;
  const branches = videos.map((track) => {
    const { filter } = encoderArgs(encoder, track.rendition, config.video.keyframeIntervalSeconds);
    const name = gates.get(track.name);
    // Enabled, it selects what has an entry that nothing has: no picture.
    const closed = isWanted(track.name) ? 0 : 1;
    const gateFilter = name === undefined ? [] : [`${name}=mode=select:key=none:enable=${closed}`];
    return `${[...gateFilter, ...renditionFilters(track.rendition), filter].join(',')}[${label(track)}]`;
  });
  if (branches.length === 1) return branches.join('');
  const inner = branches.map((_, index) => `[s${index}]`);
  return [
    `split=${branches.length}${inner.join('')}`,
    ...branches.map((branch, index) => `${inner[index]}${branch}`),
  ].join(';');
}
