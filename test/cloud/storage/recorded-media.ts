import { EventEmitter, once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { nutFrame, nutHeaders } from '../../bench/support/nut-writer.ts';

/** A picture (Annex B) or a sound as it was received. */
export interface RecordedUnit {
  data: Buffer;
  /** By the sender reports' clock, epoch milliseconds with a fraction. */
  capturedAtMs: number;
  keyframe: boolean;
  /** Counts from 1. */
  session: number;
}

/** Same media, sent in two sessions: their clocks agree to this. */
const SAME_MS = 20;

/** What a channel's storage sessions have received, in order of its capture; what came twice counts once. */
export class RecordedMedia {
  readonly video: RecordedUnit[] = [];
  readonly audio: RecordedUnit[] = [];
  /** Each sender report's clock minus this machine's, milliseconds. */
  readonly clockOffsetsMs: number[] = [];
  /** Pictures that could not be put together. */
  incomplete = 0;
  readonly #additions = new EventEmitter();

  add(kind: 'video' | 'audio', unit: RecordedUnit): void {
    this[kind].push(unit);
    this.#additions.emit('added');
  }

  /** Resolves when so many more have come. */
  async more(kind: 'video' | 'audio', count: number, timeoutMs = 15_000): Promise<void> {
    const wanted = this[kind].length + count;
    const signal = AbortSignal.timeout(timeoutMs);
    while (this[kind].length < wanted) await once(this.#additions, 'added', { signal });
  }

  /** Resolves when the pictures span so many seconds. */
  async lasting(seconds: number, timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (this.#seconds < seconds) await once(this.#additions, 'added', { signal });
  }

  get #seconds(): number {
    return ((this.video.at(-1)?.capturedAtMs ?? 0) - (this.video[0]?.capturedAtMs ?? 0)) / 1000;
  }

  pictures(): RecordedUnit[] {
    return merged(this.video);
  }

  sounds(): RecordedUnit[] {
    return merged(this.audio);
  }

  /** A playable file: NUT with H.264 and Opus, times from the first unit on. Resolves with that unit's time. */
  async save(path: string, width: number, height: number): Promise<number> {
    const pictures = this.pictures();
    const first = pictures.findIndex(({ keyframe }) => keyframe);
    if (first < 0) throw new Error('nothing was recorded that could be played');
    const video = pictures.slice(first).map((unit) => ({ ...unit, stream: 0 }));
    const originMs = video[0]?.capturedAtMs ?? 0;
    const audio = this.sounds().map((unit) => ({ ...unit, stream: 1 }));
    const units = [...video, ...audio.filter(({ capturedAtMs }) => capturedAtMs >= originMs)].toSorted(
      (a, b) => a.capturedAtMs - b.capturedAtMs,
    );
    await pipeline(
      Readable.from(
        (function* () {
          yield nutHeaders(width, height, true);
          for (const { data, capturedAtMs, keyframe, stream } of units)
            yield nutFrame(data, capturedAtMs - originMs, keyframe, stream);
        })(),
      ),
      createWriteStream(path),
    );
    return originMs;
  }
}

function merged(units: readonly RecordedUnit[]): RecordedUnit[] {
  const inOrder = units.toSorted((a, b) => a.capturedAtMs - b.capturedAtMs);
  const kept: RecordedUnit[] = [];
  for (const unit of inOrder) {
    const isKnown = kept
      .slice(-8)
      .some(
        (other) =>
          other.session !== unit.session &&
          unit.capturedAtMs - other.capturedAtMs < SAME_MS &&
          other.data.equals(unit.data),
      );
    if (!isKnown) kept.push(unit);
  }
  return kept;
}
