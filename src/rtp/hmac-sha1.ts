import { hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 20;
/** A UDP datagram on an Ethernet is shorter; longer ones take memory of their own. */
const SCRATCH_BYTES = BLOCK_BYTES + 2048;

// Work memory of the synchronous `digest`, shared by all keys.
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
const outerInput = Buffer.allocUnsafeSlow(BLOCK_BYTES + DIGEST_BYTES);

/**
 * HMAC-SHA1 (RFC 2104) for short messages, as two one-shot hashes over precomputed pads: an `Hmac` object costs more
 * than all of its hashing, and is garbage that the collector has to finalise.
 */
export class HmacSha1 {
  readonly #innerPad: Buffer;
  readonly #outerPad: Buffer;

  /** @param key At most 64 bytes. */
  constructor(key: Buffer) {
    this.#innerPad = hmacPad(key, 0x36);
    this.#outerPad = hmacPad(key, 0x5c);
  }

  /** The 20 bytes for the first `bytes` of `message`, one latin-1 character each. */
  digest(message: Buffer, bytes: number): string {
    const end = BLOCK_BYTES + bytes;
    const innerInput = end <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafe(end);
    this.#innerPad.copy(innerInput);
    message.copy(innerInput, BLOCK_BYTES, 0, bytes);
    this.#outerPad.copy(outerInput);
    outerInput.write(hash('sha1', innerInput.subarray(0, end), 'binary'), BLOCK_BYTES, 'binary');
    return hash('sha1', outerInput, 'binary');
  }
}

/** One of the two pads of a key: the key, filled up with zeros, XOR `value`. */
export function hmacPad(key: Buffer, value: number): Buffer {
  const padded = Buffer.alloc(BLOCK_BYTES, value);
  for (let i = 0; i < key.length; i++) padded[i]! ^= key[i]!;
  return padded;
}
