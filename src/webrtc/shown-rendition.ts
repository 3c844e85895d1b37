import type { MediaStream } from '../rtp/media-stream.ts';
import type { RenditionLease, Renditions } from './renditions.ts';

/** The rendition that one viewer is shown: the best one, and whichever is the best after a change of configuration. */
export class ShownRendition {
  readonly #renditions: Renditions;
  readonly #onSwitch: (stream: MediaStream) => void;
  #lease: RenditionLease;
  #unsubscribe = () => {};

  /** @param onSwitch Told of the stream to change to. */
  constructor(renditions: Renditions, onSwitch: (stream: MediaStream) => void) {
    this.#renditions = renditions;
    this.#onSwitch = onSwitch;
    this.#lease = renditions.lease(this.#best());
    this.#unsubscribe = renditions.onChange(() => this.#changed());
  }

  get stream(): MediaStream {
    return this.#lease.stream;
  }

  close(): void {
    this.#unsubscribe();
    this.#lease.release();
  }

  #changed(): void {
    const next = this.#renditions.lease(this.#best());
    this.#lease.release();
    const isOther = next.stream !== this.#lease.stream;
    this.#lease = next;
    if (isOther) this.#onSwitch(next.stream);
  }

  #best(): string {
    return this.#renditions.list()[0]?.name ?? '';
  }
}
