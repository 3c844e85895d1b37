import { createCipheriv } from 'node:crypto';
import { MAX_BATCH_PACKETS } from './packet-batch.ts';
import { MAX_PAYLOAD_BYTES } from './payload-writer.ts';

const BLOCK_BYTES = 16;
const BLOCK_WORDS = 4;
/** The block counter has one byte here, which is zero in every salt. */
export const MAX_PACKET_BYTES = 256 * BLOCK_BYTES;
const MAX_BLOCKS = MAX_BATCH_PACKETS * Math.ceil((MAX_PAYLOAD_BYTES + 2) / BLOCK_BYTES);

// Work memory between `add` and `take`, shared by all sessions.
const counters = Buffer.allocUnsafeSlow(MAX_BLOCKS * BLOCK_BYTES);
const counterWords = new Uint32Array(counters.buffer);

/**
 * The key stream of AES-128 counter mode (RFC 3711 section 4.1.1), for SRTP and SRTCP. One long-lived ECB cipher
 * encrypts the counter blocks of a whole batch in one call, because what costs in Node is the call, not AES. Word stores
 * assume a little-endian processor, as all platforms of the runtime's binaries are.
 */
export class AesCmKeyStream {
  readonly #cipher;
  readonly #salt: Uint32Array;
  #end = 0;

  constructor(key: Buffer, salt: Buffer) {
    this.#cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false);
    const padded = Buffer.alloc(BLOCK_BYTES);
    salt.copy(padded);
    this.#salt = new Uint32Array(Uint8Array.from(padded).buffer);
  }

  /**
   * Adds a packet: blocks (salt ⊕ SSRC · 2⁶⁴ ⊕ index · 2¹⁶) + 0, 1, 2 …
   *
   * @param bytes At most `MAX_PACKET_BYTES`; of one batch, as many as it may hold.
   */
  add(ssrc: number, index: number, bytes: number): void {
    const salt = this.#salt;
    const word0 = salt[0]!;
    const word1 = salt[1]! ^ swap(ssrc);
    const word2 = salt[2]! ^ swap(Math.floor(index / 65_536));
    const word3 = salt[3]! ^ (((index & 0xff) << 8) | ((index >>> 8) & 0xff));
    const end = this.#end + ((bytes + BLOCK_BYTES - 1) >>> 4) * BLOCK_WORDS;
    for (let at = this.#end, block = 0; at < end; at += BLOCK_WORDS, block++) {
      counterWords[at] = word0;
      counterWords[at + 1] = word1;
      counterWords[at + 2] = word2;
      counterWords[at + 3] = word3 | (block << 24);
    }
    this.#end = end;
  }

  /** The key stream of all packets added since the last call, in their order, each in whole blocks. */
  take(): Buffer {
    const end = this.#end * 4;
    this.#end = 0;
    return this.#cipher.update(counters.subarray(0, end));
  }
}

function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
