import type { Clock } from '../runtime/clock.ts';
import type { Frame, MediaStream } from './media-stream.ts';
import type { RepairOutcome } from './retransmitter.ts';

/** Pictures that a recorder does not have: pushed from the one time to the other, monotonic milliseconds. */
export type LossListener = (fromMs: number, untilMs: number) => void;

/** For a receiver that records, which gets each frame once and with its own time. */
export interface RecordedFrom {
  /** Monotonic. */
  fromMs: number;
  /** A frame begins to leave. */
  onBegun(frame: Frame): void;
  /** What waited was dropped, up to this frame: it had waited for longer than it is kept. */
  onSkipped(until: Frame): void;
}

/** A packet that is not asked for any more in this time has arrived, or was given up. */
const SETTLED_MS = 2_000;
/** A repetition that is older has arrived when it is asked for again, or was lost. */
const ON_ITS_WAY_MS = 1_000;
/** Asked for so often and so long, it is what a receiver misses that asks for a new picture. */
const STUBBORN_ASKS = 3;
const STUBBORN_MS = 300;
/** Losses that follow one another so closely are told as one, as long as they last no longer. */
const TOGETHER_MS = 2_000;
const LONGEST_MS = 60_000;
const MAX_ASKED = 4_096;

interface Asked {
  frameIndex: number;
  firstMs: number;
  lastMs: number;
  asks: number;
  /** When it was repeated last. */
  answeredMs: number;
}

/**
 * Which frames still wait for the link to a recorder, and which pictures it could not be given, as far as its requests tell: packets
 * that were asked for and could not be repeated, and what it had been asking for in vain when it asked for a new picture. Without a
 * picture, those up to the next key frame are of no use.
 */
export class RecordedLosses implements RecordedFrom {
  readonly fromMs: number;
  readonly #stream: MediaStream;
  readonly #clock: Clock;
  readonly #onLost: LossListener | undefined;
  readonly #asked = new Map<number, Asked>();
  /** Frames that are lost, and the next key frame is not there yet. */
  readonly #lost = new Set<number>();
  /** The last frame that began to leave, and when it was pushed. */
  #begunIndex = -1;
  #begunMs: number;
  #open: { fromMs: number; untilMs: number; sinceMs: number } | undefined;

  constructor(stream: MediaStream, clock: Clock, fromMs: number, onLost: LossListener | undefined) {
    this.fromMs = fromMs;
    this.#begunMs = fromMs;
    // Sound that is missing is missing with its picture, or for a moment.
    this.#onLost = stream.isVideo ? onLost : undefined;
    this.#stream = stream;
    this.#clock = clock;
  }

  /** What was pushed until then has begun to leave; monotonic. */
  get sentUntilMs(): number {
    return this.#begunIndex < this.#stream.nextIndex - 1 ? this.#begunMs : this.#clock.monotonic();
  }

  onBegun({ index, pushedAtMs }: Frame): void {
    this.#begunIndex = index;
    this.#begunMs = pushedAtMs;
  }

  onSkipped(until: Frame): void {
    this.#lose(this.#begunMs, until.pushedAtMs);
  }

  /** The recorder asked for a packet, which belongs to this frame; it is not known where too long ago. */
  onAsked(packetIndex: number, frameIndex: number | undefined, outcome: RepairOutcome): void {
    if (frameIndex === undefined) return;
    const nowMs = this.#clock.monotonic();
    const asked = this.#asked.get(packetIndex) ?? {
      frameIndex,
      firstMs: nowMs,
      lastMs: nowMs,
      asks: 0,
      answeredMs: -Infinity,
    };
    asked.lastMs = nowMs;
    asked.asks += 1;
    if (outcome === 'sent') asked.answeredMs = nowMs;
    if (this.#asked.size < MAX_ASKED) this.#asked.set(packetIndex, asked);
  }

  /** The recorder cannot go on without a new picture. */
  onPictureLoss(): void {
    for (const [packetIndex, { frameIndex, firstMs, lastMs, asks }] of this.#asked) {
      if (asks < STUBBORN_ASKS || lastMs - firstMs < STUBBORN_MS) continue;
      this.#lost.add(frameIndex);
      this.#asked.delete(packetIndex);
    }
  }

  #lose(fromMs: number, untilMs: number): void {
    const nowMs = this.#clock.monotonic();
    const open = this.#open;
    const isApart =
      open && (fromMs - open.untilMs > TOGETHER_MS || open.fromMs - untilMs > TOGETHER_MS || isLong(open));
    if (isApart) this.#tell();
    this.#open = {
      fromMs: Math.min(this.#open?.fromMs ?? Infinity, fromMs),
      untilMs: Math.max(this.#open?.untilMs ?? -Infinity, untilMs),
      sinceMs: nowMs,
    };
  }

  /** To be called every second or so. */
  settle(): void {
    const nowMs = this.#clock.monotonic();
    for (const [packetIndex, { frameIndex, lastMs, answeredMs }] of this.#asked) {
      if (nowMs - lastMs < SETTLED_MS) continue;
      this.#asked.delete(packetIndex);
      if (lastMs - answeredMs > ON_ITS_WAY_MS) this.#lost.add(frameIndex);
    }
    for (const frameIndex of [...this.#lost].toSorted((a, b) => a - b)) this.#resolve(frameIndex);
    if (this.#open && nowMs - this.#open.sinceMs > SETTLED_MS + TOGETHER_MS) this.#tell();
  }

  /** Tells what is known. */
  close(): void {
    this.settle();
    this.#tell();
  }

  /** A frame that is not kept any more counts from the oldest that is. */
  #resolve(frameIndex: number): void {
    const stream = this.#stream;
    let fromMs: number | undefined;
    for (let index = Math.max(frameIndex, stream.oldestIndex); index < stream.nextIndex; index += 1) {
      const frame = stream.frame(index);
      if (!frame) continue;
      if (fromMs !== undefined && frame.keyframe) {
        this.#lost.delete(frameIndex);
        return this.#lose(fromMs, frame.pushedAtMs);
      }
      fromMs ??= frame.pushedAtMs;
    }
  }

  #tell(): void {
    if (this.#open) this.#onLost?.(this.#open.fromMs, this.#open.untilMs);
    this.#open = undefined;
  }
}

function isLong({ fromMs, untilMs }: { fromMs: number; untilMs: number }): boolean {
  return untilMs - fromMs > LONGEST_MS;
}
