import type { CameraConfig, RenditionConfig } from '../config/config.ts';
import type { AccessUnit } from '../rtp/access-unit.ts';
import { MediaStream } from '../rtp/media-stream.ts';
import type { Clock } from '../runtime/clock.ts';

/** One quality in which the picture can be had. */
export type OfferedRendition = Readonly<RenditionConfig & { name: string }>;

/** The video of one camera: a stream with its GOP cache for each rendition, kept through every change of the capture. */
export class RenditionStreams {
  readonly #clock: Clock;
  readonly #want: (name: string) => { release(): void };
  readonly #streams = new Map<string, MediaStream>();
  readonly #listeners = new Set<() => void>();
  #config: CameraConfig;
  #list: readonly OfferedRendition[] = [];

  /** @param want Has a rendition produced until released. */
  constructor(config: CameraConfig, clock: Clock, want: (name: string) => { release(): void }) {
    this.#config = config;
    this.#want = want;
    this.#clock = clock;
    this.#open();
  }

  /** Best first, never empty. */
  list(): readonly OfferedRendition[] {
    return this.#list;
  }

  /** @throws Error for a name that is not in the list. */
  lease(name: string): { readonly stream: MediaStream; release(): void } {
    const stream = this.#streams.get(name);
    if (!stream) throw new Error(`the camera has no rendition "${name}"`);
    return { stream, ...this.#want(name) };
  }

  /** Told after the list has changed. Returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes a rendition's next access unit; what nobody can ask for is dropped. */
  push(name: string, unit: AccessUnit): void {
    this.#streams.get(name)?.push(unit);
  }

  /**
   * Only these are produced now: what the others have cached is of another time than what will follow it. Returns the best that is
   * produced.
   */
  running(names: readonly string[]): string | undefined {
    for (const [name, stream] of this.#streams) if (!names.includes(name)) stream.markDamaged();
    return this.list().find(({ name }) => names.includes(name))?.name;
  }

  /** Another capture follows: what the caches hold does not go with what comes. */
  reconfigure(config: CameraConfig): void {
    this.#config = config;
    for (const stream of this.#streams.values()) stream.markDamaged();
    this.#open();
    for (const listener of this.#listeners) listener();
  }

  #open(): void {
    const { renditions } = this.#config.video;
    this.#list = Object.entries(renditions).map(([name, rendition]) => ({ name, ...rendition }));
    const names = this.#list.map(({ name }) => name);
    for (const name of this.#streams.keys()) if (!names.includes(name)) this.#streams.delete(name);
    for (const name of names) {
      if (this.#streams.has(name)) continue;
      this.#streams.set(name, new MediaStream({ codec: this.#config.video.codec, clock: this.#clock }));
    }
  }
}
