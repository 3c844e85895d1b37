import type { Clock } from '../runtime/clock.ts';
import type { AccessUnit, MediaCodec } from './access-unit.ts';
import { packetize } from './packetizer.ts';
import { PayloadMemory } from './payload-memory.ts';
import type { Payloads } from './payload-writer.ts';

/**
 * One access unit, packetised once for all viewers. Only a stream may keep it: its memory is used again once the
 * stream has dropped it. Everybody else keeps the index.
 */
export interface Frame {
  /** Counts from 0 in its stream. */
  readonly index: number;
  readonly payloads: Payloads;
  /** Wall clock, epoch milliseconds. */
  readonly captureTimeMs: number;
  /** When it was pushed, on the monotonic clock. */
  readonly pushedAtMs: number;
  readonly keyframe: boolean;
}

/** Takes every frame of the streams it is attached to, as it comes. */
export interface FrameSink {
  onFrame(frame: Frame, stream: MediaStream): void;
  /** Every sink has had its `onFrame`: what a sink left for later, so that the others need not wait, may be done now. */
  afterFrame?(): void;
}

/** Frames from the last key frame on; the next one continues it. */
export interface Gop {
  /** Index of the key frame. */
  start: number;
  payloadBytes: number;
}

export interface MediaStreamOptions {
  codec: MediaCodec;
  clock: Clock;
  /** How long a frame can still be repeated after it was pushed, at least; default 3000. */
  historyMs?: number;
  /** Payload bytes that are kept at most; a GOP that is larger cannot be replayed. Default 16 MiB. */
  historyBytes?: number;
}

const DEFAULT_HISTORY_MS = 3000;
const DEFAULT_HISTORY_BYTES = 16 * 1024 * 1024;
/** Larger units are refused: a frame must stay far from half the sequence number space. */
const MAX_UNIT_BYTES = 8 * 1024 * 1024;
/** A key frame that is this much of an interval late is not awaited any more. */
const LATE_KEYFRAME = 0.2;

/**
 * One encoded track, shared by all its viewers: a rendition's video, or the audio. Packetises each access unit once,
 * keeps the plain payloads for retransmission and GOP replay, and hands the frame to every attached sink.
 */
export class MediaStream {
  readonly codec: MediaCodec;
  readonly isVideo: boolean;
  /** Access units without anything to send, or too large. */
  invalidUnits = 0;
  readonly #clock: Clock;
  readonly #historyMs: number;
  readonly #historyBytes: number;
  readonly #sinks = new Set<FrameSink>();
  readonly #frames = new Map<number, Frame>();
  readonly #memory = new PayloadMemory();
  #oldest = 0;
  #next = 0;
  #bytes = 0;
  #gop: Gop | undefined;
  #keyframeAtMs: number | undefined;
  #keyframeIntervalMs: number | undefined;

  constructor({ codec, clock, historyMs, historyBytes }: MediaStreamOptions) {
    this.codec = codec;
    this.isVideo = codec === 'h264' || codec === 'h265' || codec === 'vp8';
    this.#clock = clock;
    this.#historyMs = historyMs ?? DEFAULT_HISTORY_MS;
    this.#historyBytes = historyBytes ?? DEFAULT_HISTORY_BYTES;
  }

  /** Index that the next frame will have. */
  get nextIndex(): number {
    return this.#next;
  }

  /** Index of the oldest frame that is kept. */
  get oldestIndex(): number {
    return this.#oldest;
  }

  get oldestKeyframe(): Frame | undefined {
    return this.#frames.get(this.startFor(-Infinity) ?? -1);
  }

  /** Payload bytes kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of the payloads that are kept; undefined for less than a second of them. */
  get kbps(): number | undefined {
    const from = this.#frames.get(this.#oldest);
    const to = this.#frames.get(this.#next - 1);
    const ms = from && to ? to.pushedAtMs - from.pushedAtMs : 0;
    return ms < 1_000 ? undefined : (8 * this.#bytes) / ms;
  }

  /** The current GOP where it is whole and can be replayed; always undefined for audio. */
  get gop(): Readonly<Gop> | undefined {
    return this.#gop;
  }

  /** Payload bytes of the frames from `index` on. */
  bytesFrom(index: number): number {
    let bytes = 0;
    for (let i = index; i < this.#next; i++) bytes += this.#frames.get(i)?.payloads.bytes ?? 0;
    return bytes;
  }

  /** A frame that is still kept. */
  frame(index: number): Frame | undefined {
    return this.#frames.get(index);
  }

  /**
   * Index of the frame to begin with, so that nothing pushed from `fromMs` (monotonic) on is missed: the last key frame pushed by
   * then, or the oldest that is kept. Undefined where no key frame is kept.
   */
  startFor(fromMs: number): number | undefined {
    let start: number | undefined;
    for (let index = this.#oldest; index < this.#next; index++) {
      const frame = this.#frames.get(index);
      if (!frame?.keyframe) continue;
      if (start !== undefined && frame.pushedAtMs > fromMs) break;
      start = index;
    }
    return start;
  }

  attach(sink: FrameSink): void {
    this.#sinks.add(sink);
  }

  detach(sink: FrameSink): void {
    this.#sinks.delete(sink);
  }

  /** Takes the next access unit in decoding order. False where it held nothing to send: the GOP then has a hole. */
  push(unit: AccessUnit): boolean {
    const payloads = this.#packetize(unit.data);
    if (payloads === undefined) {
      this.invalidUnits += 1;
      this.markDamaged();
      return false;
    }
    const { captureTimeMs, keyframe } = unit;
    const frame: Frame = {
      index: this.#next++,
      payloads,
      captureTimeMs,
      pushedAtMs: this.#clock.monotonic(),
      keyframe,
    };
    if (this.isVideo) this.#trackGop(frame);
    this.#frames.set(frame.index, frame);
    this.#bytes += payloads.bytes;
    this.#evict(frame.pushedAtMs);
    for (const sink of this.#sinks) sink.onFrame(frame, this);
    for (const sink of this.#sinks) sink.afterFrame?.();
    return true;
  }

  /** The source lost data: what came since the last key frame must not be replayed. */
  markDamaged(): void {
    this.#gop = undefined;
  }

  /** Whether a replay of the current GOP would end before the next key frame is due, which does the same for less. */
  replayEndsInTime(kbps: number): boolean {
    return this.#gop !== undefined && (8 * this.#gop.payloadBytes) / kbps < this.keyframeDueInMs;
  }

  /**
   * Milliseconds until the next key frame is due, from the last interval; 0 where it is a little late; Infinity where
   * nothing is known, as before the second key frame.
   */
  get keyframeDueInMs(): number {
    if (this.#keyframeAtMs === undefined || this.#keyframeIntervalMs === undefined) return Infinity;
    const dueInMs = this.#keyframeAtMs + this.#keyframeIntervalMs - this.#clock.monotonic();
    return dueInMs < -LATE_KEYFRAME * this.#keyframeIntervalMs ? Infinity : Math.max(0, dueInMs);
  }

  #trackGop(frame: Frame): void {
    if (frame.keyframe) {
      this.#gop = { start: frame.index, payloadBytes: 0 };
      if (this.#keyframeAtMs !== undefined) this.#keyframeIntervalMs = frame.pushedAtMs - this.#keyframeAtMs;
      this.#keyframeAtMs = frame.pushedAtMs;
    }
    if (this.#gop !== undefined) this.#gop.payloadBytes += frame.payloads.bytes;
  }

  #packetize(data: Buffer): Payloads | undefined {
    if (data.length > MAX_UNIT_BYTES) return undefined;
    const payloads = packetize(this.codec, data, this.#memory);
    if (payloads.count > 0) return payloads;
    this.#memory.release(payloads.block);
    return undefined;
  }

  /** Drops frames that are neither young nor part of the current GOP, and the oldest ones over the byte limit. */
  #evict(nowMs: number): void {
    for (; this.#oldest < this.#next; this.#oldest++) {
      const frame = this.#frames.get(this.#oldest)!;
      const needed =
        nowMs - frame.pushedAtMs < this.#historyMs || frame.index >= (this.#gop?.start ?? Infinity);
      if (needed && this.#bytes <= this.#historyBytes) return;
      if (frame.index === this.#gop?.start) this.#gop = undefined;
      this.#frames.delete(frame.index);
      this.#bytes -= frame.payloads.bytes;
      this.#memory.release(frame.payloads.block);
    }
  }
}
