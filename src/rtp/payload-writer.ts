import type { MemoryBlock, PayloadMemory } from './payload-memory.ts';

/**
 * Largest RTP payload in bytes. The least path is IPv6's 1280: less IPv6 and UDP (48), TURN ChannelData (4), RTP
 * header (12), header extensions (12 for transport-wide sequence and a short MID), RTX's original sequence number
 * (2) and the GCM tag (16) leaves 1186; the rest is room for a longer MID.
 */
export const MAX_PAYLOAD_BYTES = 1160;

/** The RTP payloads of one access unit, back to back, shared by all viewers. */
export interface Payloads {
  /** Other access units lie in it too; each payload up to the next multiple of 4 belongs to this one. */
  readonly block: MemoryBlock;
  readonly count: number;
  /** Offset of each payload in the block, a multiple of 4. */
  readonly starts: Uint32Array;
  /** Bytes of each payload. */
  readonly lengths: Uint16Array;
  /** Sum of `lengths`. */
  readonly bytes: number;
}

/** Collects payloads in work memory, then puts them where they are kept. */
export class PayloadWriter {
  #scratch = Buffer.allocUnsafeSlow(64 * 1024);
  #starts: number[] = [0];
  #lengths: number[] = [];
  #count = 0;
  #end = 0;

  byte(value: number): void {
    this.#reserve(1);
    this.#scratch[this.#end++] = value;
  }

  uint16(value: number): void {
    this.byte(value >>> 8);
    this.byte(value & 0xff);
  }

  bytes(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.#end += source.copy(this.#scratch, this.#end, start, end);
  }

  /** Ends the current payload and starts the next. */
  next(): void {
    this.#lengths[this.#count] = this.#end - this.#starts[this.#count]!;
    this.#count += 1;
    this.#start();
  }

  /** Moves the payloads ended by `next()` into `memory`; the writer is empty afterwards. */
  moveTo(memory: PayloadMemory): Payloads {
    const count = this.#count;
    const end = this.#starts[count]!;
    const { block, start } = memory.take(end);
    this.#scratch.copy(block.data, start, 0, end);
    const starts = new Uint32Array(count);
    const lengths = new Uint16Array(count);
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      starts[i] = start + this.#starts[i]!;
      lengths[i] = this.#lengths[i]!;
      bytes += lengths[i]!;
    }
    this.#count = 0;
    this.#end = 0;
    this.#start();
    return { block, count, starts, lengths, bytes };
  }

  #start(): void {
    this.#end = (this.#end + 3) & ~3;
    this.#starts[this.#count] = this.#end;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes + 4;
    if (needed <= this.#scratch.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#scratch.length));
    this.#scratch.copy(larger, 0, 0, this.#end);
    this.#scratch = larger;
  }
}
