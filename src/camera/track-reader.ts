import type { AccessUnit, MediaCodec } from '../rtp/access-unit.ts';
import { AnnexBFramer } from './annexb.ts';
import type { TrackPlan } from './capture-plan.ts';
import { h264ProfileLevelId, H264_RULES, isPlayableH264 } from './h264.ts';
import { H265_RULES } from './h265.ts';
import type { NutPacket } from './nut-demuxer.ts';
import type { NutStream } from './nut-headers.ts';
import type { Timeline } from './timeline.ts';
import { VP8_FRAMER } from './vp8.ts';

/** The source's video cannot be passed through as it is; encoding it would help. */
export class NotPassableError extends Error {
  override readonly name = 'NotPassableError';
}

/** What a track turned out to be. */
export interface TrackInfo {
  codec: MediaCodec;
  /** Pixels; absent for audio. */
  width?: number;
  height?: number;
  /** RFC 6184 `profile-level-id`, for H.264. */
  profileLevelId?: string;
  passThrough: boolean;
  /** Pictures come in another order than they are shown (B-frames): viewers will stutter. */
  reordered: boolean;
}

/** Codec tags in NUT (libavformat/nut.c, riff.c); pass-through keeps those of the source, e.g. of MP4. */
const CODEC_OF_TAG: Record<string, MediaCodec> = {
  H264: 'h264',
  h264: 'h264',
  X264: 'h264',
  avc1: 'h264',
  avc3: 'h264',
  HEVC: 'h265',
  hevc: 'h265',
  hvc1: 'h265',
  hev1: 'h265',
  VP80: 'vp8',
  Opus: 'opus',
  '\x07\0\0\0': 'pcmu',
  '\x06\0\0\0': 'pcma',
};

/** No viewer waits longer for its first picture; some encoders never send a whole one (intra refresh). */
const LONGEST_WAIT_FOR_KEYFRAME_MS = 12_000;

type Framer = Pick<AnnexBFramer, 'picture' | 'parameterSets'>;

function createFramer(codec: MediaCodec, codecPrivate: Buffer): Framer {
  if (codec === 'vp8') return VP8_FRAMER;
  return new AnnexBFramer(codec === 'h264' ? H264_RULES : H265_RULES, codecPrivate);
}

/** Makes access units of the packets of one track of one run. */
export class TrackReader {
  readonly #plan: TrackPlan;
  readonly #index: number;
  readonly #timeline: Timeline;
  /** Pass-through that nobody demanded: better encode than send what does not play. */
  readonly #fussy: boolean;
  #framer: Framer | undefined;
  #info: TrackInfo | undefined;
  #firstPtsMs: number | undefined;
  #latestPtsMs = -Infinity;
  #reordered = false;

  /** `index` tells the tracks of one time line apart. */
  constructor(plan: TrackPlan, index: number, timeline: Timeline, fussy: boolean) {
    this.#plan = plan;
    this.#index = index;
    this.#timeline = timeline;
    this.#fussy = fussy && plan.kind === 'video' && plan.passThrough;
  }

  /** Known from the first access unit on. */
  get info(): TrackInfo | undefined {
    return this.#info;
  }

  /** Undefined for what is no picture. Throws `NotPassableError`. */
  read(packet: NutPacket, stream: NutStream): AccessUnit | undefined {
    const codec = this.#plan.codec;
    const captureTimeMs = this.#timeline.captureTimeMs(this.#index, packet.ptsMs);
    if (this.#plan.kind === 'audio') {
      this.#info ??= { codec: this.#checkedCodec(stream), passThrough: false, reordered: false };
      return { codec, data: packet.data, captureTimeMs, keyframe: true };
    }
    if (this.#framer === undefined) {
      this.#checkedCodec(stream);
      this.#framer = createFramer(codec, stream.codecPrivate);
      if (stream.decodeDelay > 0) this.#sawReordering();
    }
    if (packet.ptsMs < this.#latestPtsMs) this.#sawReordering();
    else this.#latestPtsMs = packet.ptsMs;
    const picture = this.#framer.picture(packet.data);
    this.#firstPtsMs ??= packet.ptsMs;
    const waitedMs = this.#info === undefined ? packet.ptsMs - this.#firstPtsMs : 0;
    if (this.#fussy && waitedMs > LONGEST_WAIT_FOR_KEYFRAME_MS && picture?.keyframe !== true) {
      throw new NotPassableError(`the source sends no key frame within ${LONGEST_WAIT_FOR_KEYFRAME_MS} ms`);
    }
    if (picture === undefined) return undefined;
    if (picture.keyframe && this.#info === undefined) this.#info = this.#describe(this.#framer, stream);
    return { codec, data: picture.data, captureTimeMs, keyframe: picture.keyframe };
  }

  #checkedCodec(stream: NutStream): MediaCodec {
    const codec = CODEC_OF_TAG[stream.fourcc];
    if (codec === this.#plan.codec) return codec;
    const tag = codec ?? stream.fourcc.replace(/[^\x20-\x7e]/g, '?');
    throw new NotPassableError(`the source's ${this.#plan.kind} is ${tag}, not ${this.#plan.codec}`);
  }

  #describe(framer: Framer, stream: NutStream): TrackInfo {
    const codec = this.#plan.codec;
    const profileLevelId = codec === 'h264' ? h264ProfileLevelId(framer.parameterSets) : undefined;
    if (this.#fussy && codec === 'h264' && !isPlayableH264(profileLevelId)) {
      throw new NotPassableError(`the source's H.264 profile ${profileLevelId} is not what viewers play`);
    }
    return {
      codec,
      width: stream.width,
      height: stream.height,
      ...(profileLevelId !== undefined && { profileLevelId }),
      passThrough: this.#plan.kind === 'video' && this.#plan.passThrough,
      reordered: this.#reordered,
    };
  }

  #sawReordering(): void {
    if (this.#fussy) throw new NotPassableError('the source has B-frames');
    this.#reordered = true;
    if (this.#info) this.#info = { ...this.#info, reordered: true };
  }
}
