import { depacketize } from '../rtp/depacketize.ts';
import type { FrameSink, MediaStream } from '../rtp/media-stream.ts';
import { within, type Clock } from '../runtime/clock.ts';
import type { LivePictures } from './snapshot.ts';

/** Longer than a camera takes to start, and than most key frames are apart. */
const PICTURE_TIMEOUT_MS = 10_000;

/**
 * What a stream holds from its last key frame on; waits for one where there is none.
 * @throws Error when none comes in time, or for a stream that is no video.
 */
export async function livePictures(stream: MediaStream, clock: Clock): Promise<LivePictures> {
  const { codec } = stream;
  if (codec !== 'h264' && codec !== 'h265' && codec !== 'vp8') throw new Error(`${codec} is no video`);
  if (!stream.gop) await within(clock, PICTURE_TIMEOUT_MS, 'no picture from the camera', pictureOf(stream));
  const units: Buffer[] = [];
  let captureTimeMs = 0;
  for (let index = stream.gop?.start ?? stream.nextIndex; index < stream.nextIndex; index += 1) {
    const frame = stream.frame(index);
    if (!frame) break;
    units.push(depacketize(codec, frame.payloads));
    captureTimeMs = frame.captureTimeMs;
  }
  if (units.length === 0) throw new Error('no picture from the camera');
  return { codec, units, captureTimeMs };
}

async function pictureOf(stream: MediaStream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const sink: FrameSink = {
    onFrame: () => {
      if (stream.gop) resolve();
    },
  };
  stream.attach(sink);
  try {
    await promise;
  } finally {
    stream.detach(sink);
  }
}
