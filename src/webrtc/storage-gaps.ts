import type { Frame } from '../rtp/media-stream.ts';
import { KEPT_MS, type StorageGap, type StorageOptions } from './storage-status.ts';

/** The media that is sent again at a seam, beyond what the former peer is known to have. */
const OVERLAP_MS = 1_000;
/** A later start than that is a gap. */
const SMALLEST_GAP_MS = 250;

/** Monotonic. */
interface Span {
  fromMs: number;
  untilMs: number;
}

/** What is missing in a recording: between two sessions, and what one of them could not be given and no other was. */
export class StorageGaps {
  count = 0;
  last: StorageGap | undefined;
  readonly #options: StorageOptions;
  /** Of the newest peer whose media has started; monotonic. `firstMs` is undefined before its first key frame. */
  #seam: { coveredMs: number; firstMs: number | undefined } | undefined;

  /** What a peer does not have, and another may still be given. */
  #lost: Span[] = [];

  constructor(options: StorageOptions) {
    this.#options = options;
  }

  /**
   * Media begins to flow to a peer; the former ones are known to have it until `coveredMs`, where there was one. Returns from when on
   * it is sent, as far as it is kept.
   */
  begin(coveredMs: number | undefined): number {
    this.#seam = undefined;
    if (coveredMs === undefined) return this.#options.clock.monotonic();
    const fromMs = coveredMs - OVERLAP_MS;
    this.#seam = { coveredMs, firstMs: this.#firstKeyframeMs(fromMs) };
    return fromMs;
  }

  /** That peer receives: what lies between the end of what the former ones have and the beginning of what it gets is missing. */
  noteSeam(): void {
    const seam = this.#seam;
    if (!seam) return;
    const { video } = this.#options;
    const firstMs = seam.firstMs ?? this.#firstKeyframeMs(seam.coveredMs);
    this.#lost = this.#lost.filter(({ fromMs }) => fromMs < (firstMs ?? Infinity));
    if (firstMs !== undefined) return this.#noteUncovered(seam.coveredMs, firstMs);
    const sink = {
      onFrame: ({ keyframe, pushedAtMs }: Frame) => {
        if (!keyframe) return;
        video.detach(sink);
        this.#noteUncovered(seam.coveredMs, pushedAtMs);
      },
    };
    video.attach(sink);
  }

  /** A peer does not have these pictures. It is a gap once they are not kept any more. */
  onLost(fromMs: number, untilMs: number): void {
    const lost: Span = { fromMs, untilMs };
    const isApart = (other: Span) => other.untilMs < fromMs || other.fromMs > untilMs;
    for (const other of this.#lost) {
      if (isApart(other)) continue;
      lost.fromMs = Math.min(lost.fromMs, other.fromMs);
      lost.untilMs = Math.max(lost.untilMs, other.untilMs);
    }
    this.#lost = [...this.#lost.filter(isApart), lost];
  }

  /** To be called now and then. */
  settle(): void {
    this.#tellLostBefore(this.#options.clock.monotonic() - KEPT_MS);
  }

  /** Nobody will be given anything any more. */
  close(): void {
    this.#tellLostBefore(Infinity);
  }

  #tellLostBefore(beforeMs: number): void {
    const due = this.#lost.filter(({ fromMs }) => fromMs < beforeMs);
    this.#lost = this.#lost.filter(({ fromMs }) => fromMs >= beforeMs);
    for (const { fromMs, untilMs } of due) this.#note(fromMs, untilMs);
  }

  #note(fromMs: number, toMs: number): void {
    const { clock, log, channelName, onGap } = this.#options;
    const offsetMs = clock.now() - clock.monotonic();
    const gap = { from: offsetMs + fromMs, to: offsetMs + toMs };
    this.count += 1;
    this.last = gap;
    log.warn(
      { channelName, from: new Date(gap.from), seconds: Math.round(toMs - fromMs) / 1000 },
      'the recording has a gap',
    );
    onGap(gap);
  }

  #noteUncovered(fromMs: number, toMs: number): void {
    if (toMs - fromMs >= SMALLEST_GAP_MS) this.#note(fromMs, toMs);
  }

  #firstKeyframeMs(fromMs: number): number | undefined {
    const { video } = this.#options;
    const start = video.startFor(fromMs);
    return start === undefined ? undefined : video.frame(start)?.pushedAtMs;
  }
}
