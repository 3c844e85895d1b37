/** Most synchronisation sources of one peer; more are refused, so that memory stays bounded. */
const MAX_SOURCES = 64;
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

/** One window for each synchronisation source of a peer: each counts its packets by itself (RFC 3711 section 3.2.3). */
export class SourceWindows {
  readonly #windows = new Map<number, ReplayWindow>();

  /** Of this source; an empty one where it is new, undefined where it is one too many. */
  find(ssrc: number): ReplayWindow | undefined {
    const known = this.#windows.get(ssrc);
    if (known !== undefined || this.#windows.size >= MAX_SOURCES) return known;
    return new ReplayWindow();
  }

  /** Records what `find` gave out, once a packet of this source was authenticated. */
  accept(ssrc: number, window: ReplayWindow, index: number): void {
    window.accept(index);
    this.#windows.set(ssrc, window);
  }
}

function wordOf(index: number): number {
  return Math.floor(index / 32) % (WORDS + 1);
}
