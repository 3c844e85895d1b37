import { createCipheriv, hash } from 'node:crypto';
import { hmacPad } from './hmac-sha1.ts';
import { HEADROOM_BYTES, MAX_BATCH_PACKETS, type PacketBatch } from './packet-batch.ts';
import { MAX_PAYLOAD_BYTES } from './payload-writer.ts';
import type { SessionKeys } from './srtp-keys.ts';

const TAG_BYTES = 10;
const SHA1_BLOCK_BYTES = 64;
const SHA1_BYTES = 20;
const BLOCK_WORDS = 4;
const MAX_BLOCKS = MAX_BATCH_PACKETS * Math.ceil((MAX_PAYLOAD_BYTES + 2) / 16);

// Work memory of the synchronous `protect`, shared by all sessions.
const counters = Buffer.allocUnsafeSlow(MAX_BLOCKS * 16);
const counterWords = new Uint32Array(counters.buffer, 0, MAX_BLOCKS * BLOCK_WORDS);
const outerInput = Buffer.allocUnsafeSlow(SHA1_BLOCK_BYTES + SHA1_BYTES);

/**
 * AES-128 counter mode with HMAC-SHA1-80 (RFC 3711 sections 4.1.1 and 4.2.1). Word stores assume a little-endian
 * processor, as all platforms of the runtime's binaries are.
 *
 * One long-lived ECB cipher encrypts the counter blocks of a whole batch in one call, because what costs in Node is
 * the call, not AES. HMAC is two one-shot hashes over precomputed pads for the same reason.
 */
export class AesCmProtector {
  readonly tagBytes = TAG_BYTES;
  readonly #cipher;
  readonly #salt: Uint32Array;
  readonly #innerPad: Uint32Array;
  readonly #outerPad: Buffer;

  constructor(keys: SessionKeys) {
    this.#cipher = createCipheriv('aes-128-ecb', keys.encryptionKey, null).setAutoPadding(false);
    const salt = Buffer.alloc(16);
    keys.salt.copy(salt);
    this.#salt = new Uint32Array(salt.buffer.slice(salt.byteOffset, salt.byteOffset + 16));
    this.#innerPad = new Uint32Array(Uint8Array.from(hmacPad(keys.authenticationKey, 0x36)).buffer);
    this.#outerPad = hmacPad(keys.authenticationKey, 0x5c);
  }

  /** Encrypts and authenticates all packets of the batch. */
  protect(batch: PacketBatch): void {
    this.#encrypt(batch);
    this.#authenticate(batch);
  }

  #encrypt(batch: PacketBatch): void {
    const { count, payloadLengths, starts, payloadStarts, words, payloadWords } = batch;
    let at = 0;
    for (let i = 0; i < count; i++) {
      at = this.#writeCounters(at, batch.ssrc, batch.firstIndex + i, payloadLengths[i]!);
    }
    const stream = this.#cipher.update(counters.subarray(0, at * 4));
    const streamWords = new Uint32Array(stream.buffer, stream.byteOffset, at);
    const headerWords = batch.headerBytes >>> 2;
    at = 0;
    for (let i = 0; i < count; i++) {
      const bytes = payloadLengths[i]!;
      xor(
        words,
        (starts[i]! >>> 2) + headerWords,
        payloadWords,
        payloadStarts[i]! >>> 2,
        streamWords,
        at,
        (bytes + 3) >>> 2,
      );
      at += ((bytes + 15) >>> 4) * BLOCK_WORDS;
    }
  }

  /** Counter blocks of one packet: (salt ⊕ SSRC · 2⁶⁴ ⊕ index · 2¹⁶) + 0, 1, 2 … */
  #writeCounters(from: number, ssrc: number, index: number, bytes: number): number {
    const salt = this.#salt;
    const word0 = salt[0]!;
    const word1 = salt[1]! ^ swap(ssrc);
    const word2 = salt[2]! ^ swap(Math.floor(index / 65_536));
    const word3 = salt[3]! ^ (((index & 0xff) << 8) | ((index >>> 8) & 0xff));
    const end = from + ((bytes + 15) >>> 4) * BLOCK_WORDS;
    // Fewer than 256 blocks a packet: the counter stays in the last byte, which is zero in the salt.
    for (let at = from, block = 0; at < end; at += BLOCK_WORDS, block++) {
      counterWords[at] = word0;
      counterWords[at + 1] = word1;
      counterWords[at + 2] = word2;
      counterWords[at + 3] = word3 | (block << 24);
    }
    return end;
  }

  /** The tag covers the packet and its rollover counter, which is written behind it and then overwritten. */
  #authenticate(batch: PacketBatch): void {
    const { block, words, headerBytes, starts, payloadLengths } = batch;
    this.#outerPad.copy(outerInput);
    for (let i = 0; i < batch.count; i++) {
      const start = starts[i]!;
      const end = start + headerBytes + payloadLengths[i]!;
      words.set(this.#innerPad, (start - HEADROOM_BYTES) >>> 2);
      const rollover = Math.floor((batch.firstIndex + i) / 65_536);
      block[end] = rollover >>> 24;
      block[end + 1] = rollover >>> 16;
      block[end + 2] = rollover >>> 8;
      block[end + 3] = rollover;
      outerInput.write(
        hash('sha1', block.subarray(start - HEADROOM_BYTES, end + 4), 'binary'),
        SHA1_BLOCK_BYTES,
        'binary',
      );
      block.write(hash('sha1', outerInput, 'binary'), end, TAG_BYTES, 'binary');
    }
  }
}

function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function xor(
  out: Uint32Array,
  outAt: number,
  a: Uint32Array,
  aAt: number,
  b: Uint32Array,
  bAt: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) out[outAt + i] = a[aAt + i]! ^ b[bAt + i]!;
}
