import type { BandwidthEstimate } from '../rtp/congestion/bandwidth-estimator.ts';
import { RungChoice, type Reach, type Rung } from '../rtp/congestion/rung-choice.ts';
import type { MediaStream } from '../rtp/media-stream.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Rendition, RenditionLease, Renditions } from './renditions.ts';

/** What shows the picture. */
export interface Picture {
  /** The stream that the viewer sees now; undefined before it is connected. */
  readonly stream: MediaStream | undefined;
  show(stream: MediaStream): void;
  setReach(reach: Reach): void;
}

/** Headers, SRTP and what a key frame takes of the next moment: over the encoder's own rate. */
const OVERHEAD = 1.05;
/** Sound with its headers. */
const AUDIO_KBPS = 60;
/** A rendition that is listed and gives no picture in this time is left alone for a while. */
const COLD_MS = 8000;
const SHUNNED_MS = 60_000;

/** The rendition that one viewer is shown: the one it chose, or the best that its link carries. */
export class ShownRendition {
  /** A rendition's name, or `auto`. */
  chosen = 'auto';
  reach: Reach = 'full';
  readonly #renditions: Renditions;
  #picture: Picture | undefined;
  /** The last estimate of the link; undefined before there is one. */
  estimate: Readonly<BandwidthEstimate> | undefined;
  readonly #clock: Clock;
  readonly #choice = new RungChoice();
  readonly #unsubscribe: () => void;
  /** Names that gave no picture, and until when they are left out. */
  readonly #shunned = new Map<string, number>();
  /** All that are listed, for each feedback to choose from. */
  #rungs: readonly Rung[];
  #name: string;
  #lease: RenditionLease;
  /** Kept until the viewer sees the new one. */
  #previous: RenditionLease | undefined;
  #switchedAtMs = 0;
  readonly #onReach: (() => void) | undefined;

  constructor(renditions: Renditions, clock: Clock, onReach?: () => void) {
    this.#onReach = onReach;
    this.#renditions = renditions;
    this.#clock = clock;
    this.#rungs = rungsOf(renditions.list());
    this.#name = this.#rungs[0]!.name;
    this.#lease = renditions.lease(this.#name);
    this.#unsubscribe = renditions.onChange(() => this.#listChanged());
  }

  /** The viewer is connected. */
  connect(picture: Picture): void {
    this.#picture = picture;
  }

  get stream(): MediaStream {
    return this.#lease.stream;
  }

  /** Of the rendition that is shown, or is about to be. */
  get name(): string {
    return this.#name;
  }

  list(): readonly Rendition[] {
    return this.#renditions.list();
  }

  /** Shows a rendition whatever the link, or (`auto`) the best that it carries. False where there is none of that name. */
  choose(name: string): boolean {
    if (name !== 'auto' && !this.list().some((rendition) => rendition.name === name)) return false;
    this.chosen = name;
    if (name !== 'auto') this.#show(name, 'full');
    return true;
  }

  /** What the link is to carry for the best picture, and whether a better one waits for room. */
  get wish(): { usefulKbps: number; wanted: boolean } {
    const rungs = this.#alive;
    const best = rungs.find(({ name }) => name === this.chosen) ?? rungs[0]!;
    return { usefulKbps: best.kbps, wanted: this.reach !== 'full' || this.#name !== best.name };
  }

  onEstimate(estimate: Readonly<BandwidthEstimate>): void {
    this.estimate = estimate;
    if (estimate.kbps === undefined) return;
    this.#settle();
    const pinned = this.chosen === 'auto' ? [] : this.#alive.filter(({ name }) => name === this.chosen);
    const rungs = pinned.length > 0 ? pinned : this.#alive;
    const { rung, reach } = this.#choice.choose(rungs, estimate.kbps, this.#clock.monotonic());
    this.#show(rungs[rung]!.name, reach);
  }

  close(): void {
    this.#unsubscribe();
    this.#previous?.release();
    this.#lease.release();
  }

  /** Without those that gave no picture, unless that is all. */
  get #alive(): readonly Rung[] {
    if (this.#shunned.size === 0) return this.#rungs;
    const nowMs = this.#clock.monotonic();
    const alive = this.#rungs.filter(({ name }) => (this.#shunned.get(name) ?? -Infinity) <= nowMs);
    return alive.length > 0 ? alive : this.#rungs;
  }

  #show(name: string, reach: Reach): void {
    if (name !== this.#name) {
      const next = this.#renditions.lease(name);
      // Of two changes in a row, the viewer still sees what was before the first.
      if (this.#previous) this.#lease.release();
      else this.#previous = this.#lease;
      this.#lease = next;
      this.#name = name;
      this.#switchedAtMs = this.#clock.monotonic();
      this.#picture?.show(next.stream);
      this.#settle();
    }
    if (reach === this.reach) return;
    this.reach = reach;
    this.#picture?.setReach(reach);
    this.#onReach?.();
  }

  /** Lets the former rendition go once the viewer sees the new one. */
  #settle(): void {
    if (!this.#previous) return;
    const stream = this.#picture?.stream;
    if (stream === undefined || stream === this.#lease.stream) {
      this.#previous.release();
      this.#previous = undefined;
    } else if (this.#clock.monotonic() - this.#switchedAtMs > COLD_MS) {
      this.#shunned.set(this.#name, this.#clock.monotonic() + SHUNNED_MS);
    }
  }

  #listChanged(): void {
    this.#rungs = rungsOf(this.list());
    const names = this.#rungs.map(({ name }) => name);
    if (this.chosen !== 'auto' && !names.includes(this.chosen)) this.chosen = 'auto';
    const name = names.includes(this.#name) ? this.#name : names[0]!;
    const next = this.#renditions.lease(name);
    const isOther = next.stream !== this.#lease.stream;
    this.#lease.release();
    this.#lease = next;
    this.#name = name;
    if (isOther) this.#picture?.show(next.stream);
  }
}

function rungsOf(listed: readonly Rendition[]): Rung[] {
  return listed.map(({ name, bitrateKbps }) => ({ name, kbps: bitrateKbps * OVERHEAD + AUDIO_KBPS }));
}
