import type { Clock } from '../runtime/clock.ts';
import { Demand } from './demand.ts';

/** A rendition that its last viewer left is produced so much longer: viewers whose links waver change to and fro. */
const LINGER_MS = 10_000;

/** Which renditions somebody wants. Where nobody wants any in particular, it is the best one. */
export class RenditionDemand {
  readonly #best: string;
  readonly #demands: ReadonlyMap<string, Demand>;
  readonly #listeners = new Set<() => void>();

  /** @param names Best first. */
  constructor(names: readonly string[], clock: Clock) {
    this.#best = names[0] ?? '';
    this.#demands = new Map(names.map((name) => [name, new Demand(clock, LINGER_MS)]));
    for (const demand of this.#demands.values()) demand.onChange(() => this.#changed());
  }

  /** Wants a rendition until `release` is called (idempotent); one that there is not costs nothing. */
  acquire(name: string): { release(): void } {
    return this.#demands.get(name)?.acquire() ?? { release: () => {} };
  }

  isWanted(name: string): boolean {
    if (name === this.#best && ![...this.#demands.values()].some(({ wanted }) => wanted)) return true;
    return this.#demands.get(name)?.wanted ?? false;
  }

  /** Returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
