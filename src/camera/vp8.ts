import type { Picture } from './annexb.ts';

/** Nothing has to be put together for VP8: every packet is one whole frame, with all that a decoder needs. */
export const VP8_FRAMER = {
  parameterSets: Buffer.alloc(0),
  /** Bit 0 is clear in key frames (RFC 6386 section 9.1). */
  picture(data: Buffer): Picture | undefined {
    const first = data[0];
    return first === undefined ? undefined : { data, keyframe: (first & 1) === 0 };
  },
};
