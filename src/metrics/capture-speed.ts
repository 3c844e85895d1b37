import type { Random } from '../runtime/random.ts';
import { Distribution } from './distribution.ts';

export interface CaptureCondition {
  camera: { state: string };
  /** Since the agent's start. */
  capturedPictures: number;
  wantedFps: number | undefined;
}

/**
 * How well the encoder keeps up: pictures that came, in percent of those it was asked for, between two looks at a
 * camera that streams. Below 100 the device is too slow for the rendition, or the camera gives fewer pictures.
 */
export class CaptureSpeed {
  readonly distribution: Distribution;
  #last: { atMs: number; pictures: number } | undefined;

  constructor(random: Random) {
    this.distribution = new Distribution('captureSpeed', 'Percent', random);
  }

  /** `nowMs` is of the monotonic clock. */
  measure({ camera, capturedPictures, wantedFps }: CaptureCondition, nowMs: number): void {
    const last = this.#last;
    this.#last = camera.state === 'streaming' ? { atMs: nowMs, pictures: capturedPictures } : undefined;
    if (!last || !this.#last || wantedFps === undefined || nowMs <= last.atMs) return;
    const fps = (1000 * (capturedPictures - last.pictures)) / (nowMs - last.atMs);
    this.distribution.add((100 * fps) / wantedFps);
  }
}
