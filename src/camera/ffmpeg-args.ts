import type { AudioCodec, CameraConfig } from '../config/config.ts';
import type { InputPlan, TrackPlan } from './capture-plan.ts';
import type { FfmpegCapabilities } from './ffmpeg-probe.ts';
import { pictureFilters, renditionFilters } from './picture-filters.ts';
import { sourceArgs, type SourceArgs, type SourceContext } from './source-args.ts';
import { TEST_AUDIO_GRAPH, testVideoGraph } from './test-source.ts';
import { deviceArgs, encoderArgs } from './video-encoders.ts';

/** What the arguments depend on beside the plan. */
export interface ArgsContext extends Omit<SourceContext, 'version'> {
  config: CameraConfig;
  capabilities: FfmpegCapabilities;
  /** Name of ffmpeg's encoder for the tracks that are not passed through. */
  encoder: string;
}

type VideoTrack = Extract<TrackPlan, { kind: 'video' }>;

/**
 * The whole command line of one capture process (without the program). Track n of the plan is written as NUT
 * to file descriptor 3 + n: with one muxer a track, none waits for another's packets to be interleaved.
 */
export function ffmpegArgs(input: InputPlan, context: ArgsContext): SourceArgs {
  const { version } = context.capabilities;
  const source = sourceArgs(input, { ...context, version });
  const encoded = input.tracks.filter(
    (track): track is VideoTrack => track.kind === 'video' && !track.passThrough,
  );
  const graph = input.source.type === 'test' ? testGraph(input, context) : encodeGraph(encoded, context);
  const args = ['-hide_banner', '-nostats', '-loglevel', 'warning', '-copyts'];
  if (source.stdinText === undefined && source.producer === undefined) args.push('-nostdin');
  if (encoded.length > 0) args.push(...deviceArgs(context.encoder));
  args.push(...source.args);
  if (graph !== '') args.push('-filter_complex_threads', '1', '-filter_complex', graph);
  for (const [index, track] of input.tracks.entries()) {
    args.push(...trackArgs(track, input, context));
    args.push('-f', 'nut', '-write_index', '0', '-flush_packets', '1', `pipe:${3 + index}`);
  }
  return { ...source, args };
}

function trackArgs(track: TrackPlan, input: InputPlan, context: ArgsContext): string[] {
  const isTest = input.source.type === 'test';
  if (track.kind === 'audio') {
    const codec = audioArgs(track.codec, context);
    if (isTest) return ['-map', '[audio]', ...codec];
    // Real sources have gaps and drift: they are filled and stretched.
    const filters = ['aresample=async=1', ...audioFrames(track.codec)];
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

/** Opus in the general mode: 6.5 ms of look-ahead buy much better speech at low rates than `lowdelay`. */
function audioArgs(codec: AudioCodec, { config }: ArgsContext): string[] {
  if (codec === 'pcmu') return ['-c:a', 'pcm_mulaw', '-ar', '8000', '-ac', '1'];
  if (codec === 'pcma') return ['-c:a', 'pcm_alaw', '-ar', '8000', '-ac', '1'];
  const { bitrateKbps } = config.audio;
  const channels = bitrateKbps >= 64 ? '2' : '1';
  const opus = '-c:a libopus -application audio -frame_duration 20 -compression_level 5 -ar 48000'.split(' ');
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

function testGraph(input: InputPlan, context: ArgsContext): string {
  const videos = input.tracks.filter((track): track is VideoTrack => track.kind === 'video');
  const largest = {
    width: Math.max(...videos.map(({ rendition }) => rendition.width)),
    height: Math.max(...videos.map(({ rendition }) => rendition.height)),
    fps: Math.max(...videos.map(({ rendition }) => rendition.fps)),
    bitrateKbps: 0,
  };
  const { drawText } = context.capabilities;
  const filters = [testVideoGraph(largest, drawText), ...pictureFilters(context.config, drawText)];
  const graphs = [`${filters.join(',')},${split(videos, context)}`];
  for (const track of input.tracks) {
    if (track.kind !== 'audio') continue;
    graphs.push(`${[TEST_AUDIO_GRAPH, ...audioFrames(track.codec)].join(',')}[audio]`);
  }
  return graphs.join(';');
}

function encodeGraph(encoded: VideoTrack[], context: ArgsContext): string {
  if (encoded.length === 0) return '';
  const filters = pictureFilters(context.config, context.capabilities.drawText);
  return `[0:v:0]${[...filters, split(encoded, context)].join(',')}`;
}

/** Divides one picture into the renditions, each ending in its label. */
function split(videos: VideoTrack[], { encoder, config }: ArgsContext): string {
  const branches = videos.map((track) => {
    const { filter } = encoderArgs(encoder, track.rendition, config.video.keyframeIntervalSeconds);
    return `${[...renditionFilters(track.rendition), filter].join(',')}[${label(track)}]`;
  });
  if (branches.length === 1) return branches.join('');
  const inner = branches.map((_, index) => `[s${index}]`);
  return [
    `split=${branches.length}${inner.join('')}`,
    ...branches.map((branch, index) => `${inner[index]}${branch}`),
  ].join(';');
}
