/** Codecs that the agent can send. */
export type MediaCodec = 'h264' | 'h265' | 'vp8' | 'opus' | 'pcmu' | 'pcma';

/** RTP clock rates in Hz (RFC 6184, RFC 7798, RFC 7741: 90 kHz; RFC 7587: 48 kHz; RFC 3551: 8 kHz). */
export const CLOCK_RATE: Record<MediaCodec, number> = {
  h264: 90_000,
  h265: 90_000,
  vp8: 90_000,
  opus: 48_000,
  pcmu: 8_000,
  pcma: 8_000,
};

/** One coded picture or one coded audio frame, as it came from the capture process. */
export interface AccessUnit {
  codec: MediaCodec;
  /** Annex B for H.264/H.265 (parameter sets before every key frame); the bare frame for all others. */
  data: Buffer;
  /** Presentation time on the wall clock, epoch milliseconds with a fraction. Video and audio share it. */
  captureTimeMs: number;
  /** True for IDR/IRAP pictures and for every audio frame. */
  keyframe: boolean;
}
