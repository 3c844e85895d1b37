const WORDS = 32;
/** Packets behind the newest that are still told apart from replays. */
export const REPLAY_WINDOW = WORDS * 32;

/** Remembers which indices were accepted (RFC 3711 section 3.3.2), as a ring of bits (RFC 6479). */
export class ReplayWindow {
  /** Highest index accepted; -1 before the first. */
  highest = -1;
  readonly #bits = new Uint32Array(WORDS + 1);

  /** False where `index` was accepted before or is too old to know. */
  isNew(index: number): boolean {
    if (index > this.highest) return true;
    if (this.highest - index >= REPLAY_WINDOW) return false;
    return (this.#bits[wordOf(index)]! & (1 << (index % 32))) === 0;
  }

  /** Records an index that is new, once its packet was authenticated. */
  accept(index: number): void {
    if (index > this.highest) {
      const from = Math.floor(Math.max(this.highest, 0) / 32);
      const steps = Math.min(Math.floor(index / 32) - from, WORDS + 1);
      for (let i = 1; i <= steps; i++) this.#bits[(from + i) % (WORDS + 1)] = 0;
      this.highest = index;
    }
    this.#bits[wordOf(index)]! |= 1 << (index % 32);
  }
}

function wordOf(index: number): number {
  return Math.floor(index / 32) % (WORDS + 1);
}
