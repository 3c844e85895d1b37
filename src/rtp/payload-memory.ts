const BLOCK_BYTES = 128 * 1024;

/** A block of memory, as bytes and as 32-bit words. */
export class MemoryBlock {
  readonly data: Buffer;
  readonly words: Uint32Array;
  /** Pieces of it that are in use. */
  pieces = 0;

  /** @param bytes A multiple of 4. */
  constructor(bytes: number) {
    this.data = Buffer.allocUnsafeSlow(bytes);
    this.words = new Uint32Array(this.data.buffer);
  }
}

/**
 * A ring of blocks for what is kept for seconds and then dropped, the oldest first. To the garbage collector such
 * memory is old: hundreds of megabytes of it would pile up between two of its rare full runs. The blocks of the
 * fullest time are kept.
 */
export class PayloadMemory {
  readonly #free: MemoryBlock[] = [];
  #current = new MemoryBlock(BLOCK_BYTES);
  #used = 0;

  /** Room for `bytes` in a block, from `start` on, a multiple of 4. To be released once. */
  take(bytes: number): { block: MemoryBlock; start: number } {
    const size = (bytes + 3) & ~3;
    if (this.#used + size > this.#current.data.length) this.#turnTo(size);
    const start = this.#used;
    this.#used += size;
    this.#current.pieces += 1;
    return { block: this.#current, start };
  }

  /** Gives one piece of the block back: nothing reads it any more. */
  release(block: MemoryBlock): void {
    block.pieces -= 1;
    if (block.pieces === 0 && block !== this.#current) this.#free.push(block);
  }

  #turnTo(bytes: number): void {
    if (this.#current.pieces === 0) this.#free.push(this.#current);
    const found = this.#free.findIndex(({ data }) => data.length >= bytes);
    this.#current =
      found < 0 ? new MemoryBlock(Math.max(BLOCK_BYTES, bytes)) : this.#free.splice(found, 1)[0]!;
    this.#used = 0;
  }
}
