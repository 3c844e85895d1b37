import type { RenditionConfig } from '../config/config.ts';

/** ffmpeg's output options of one encoded rendition, and the pixel format its filter chain must end with. */
export interface EncoderArgs {
  args: string[];
  /** The end of the filter chain. */
  filter: string;
}

/** Options for the whole ffmpeg process that some encoders need. */
export function deviceArgs(encoder: string): string[] {
  return encoder.endsWith('_vaapi') ? ['-vaapi_device', '/dev/dri/renderD128'] : [];
}

/** What every encoder is told in words of its own: no pictures held back, no B-frames, real IDR on demand. */
const ENCODER_OPTIONS: Record<string, string> = {
  libx264: '-preset superfast -tune zerolatency -profile:v baseline -sc_threshold 0',
  libx265:
    '-preset ultrafast -tune zerolatency -profile:v main -forced-idr 1 -x265-params scenecut=0:bframes=0:log-level=error',
  libvpx: '-deadline realtime -cpu-used 8 -lag-in-frames 0 -auto-alt-ref 0 -error-resilient 1',
  libopenh264: '-profile:v constrained_baseline -allow_skip_frames 1',
  h264_vaapi: '-profile:v constrained_baseline -async_depth 1',
  hevc_vaapi: '-profile:v main -async_depth 1',
  h264_qsv: '-profile:v baseline -async_depth 1 -look_ahead 0 -forced_idr 1',
  h264_nvenc: '-preset p1 -tune ull -profile:v baseline -zerolatency 1 -delay 0 -forced-idr 1',
};

/** The rate may exceed its target for so long: small enough for a live link, enough for a key frame. */
const VBV_SECONDS = 0.5;

/** A rendition that was not wanted for so long begins with a key frame. */
const PAUSE_SECONDS = 1.5;

/** Options for one rendition with one of ffmpeg's encoders (unknown ones get the common options). */
export function encoderArgs(
  encoder: string,
  rendition: RenditionConfig,
  keyframeIntervalSeconds: number,
): EncoderArgs {
  const { bitrateKbps, fps } = rendition;
  const own = ENCODER_OPTIONS[encoder]?.split(' ') ?? [];
  const args = ['-c:v', encoder, ...own, '-bf', '0'];
  args.push('-b:v', `${bitrateKbps}k`, '-maxrate', `${bitrateKbps}k`);
  args.push('-bufsize', `${Math.ceil(bitrateKbps * VBV_SECONDS)}k`);
  // Key frames come by time, at the same instants in every rendition; -g is only the net under that.
  args.push('-g', String(Math.ceil(2 * fps * keyframeIntervalSeconds)));
  const interval = keyframeIntervalSeconds;
  const due = `gt(floor(t/${interval}),floor(prev_forced_t/${interval}))`;
  const afterPause = `gt(t-ld(0),${PAUSE_SECONDS})+0*st(0,t)`;
  args.push('-force_key_frames', `expr:isnan(prev_forced_t)+${due}+${afterPause}`);
  const filter = encoder.endsWith('_vaapi') ? 'format=nv12,hwupload' : 'format=yuv420p';
  return { args, filter };
}
