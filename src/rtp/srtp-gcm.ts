import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { PacketBatch } from './packet-batch.ts';
import type { SessionKeys } from './srtp-keys.ts';

const TAG_BYTES = 16;

/** Nonce of a packet: (0₁₆ || SSRC || rollover counter || sequence number) ⊕ salt (RFC 7714 section 8.1). */
export function gcmNonce(nonce: Buffer, salt: Buffer, ssrc: number, index: number): void {
  nonce.writeUInt16BE(0, 0);
  nonce.writeUInt32BE(ssrc, 2);
  nonce.writeUIntBE(index, 6, 6);
  for (let i = 0; i < 12; i++) nonce[i]! ^= salt[i]!;
}

/**
 * AES-128-GCM (RFC 7714). The same index must always come with the same header and payload: a nonce that is used
 * for two different packets gives the authentication key away.
 */
export class GcmProtector {
  readonly tagBytes = TAG_BYTES;
  readonly #key: KeyObject;
  readonly #salt: Buffer;
  readonly #nonce = Buffer.alloc(12);

  constructor(keys: SessionKeys) {
    // A KeyObject is a third of the cost of a raw key, which is copied and checked at each use.
    this.#key = createSecretKey(keys.encryptionKey);
    this.#salt = keys.salt;
  }

  /** Encrypts and authenticates all packets of the batch. */
  protect(batch: PacketBatch): void {
    const { block, headerBytes, payloads } = batch;
    for (let i = 0; i < batch.count; i++) {
      const start = batch.starts[i]!;
      const body = start + headerBytes;
      const from = batch.payloadStarts[i]!;
      const bytes = batch.payloadLengths[i]!;
      gcmNonce(this.#nonce, this.#salt, batch.ssrc, batch.firstIndex + i);
      const cipher = createCipheriv('aes-128-gcm', this.#key, this.#nonce);
      cipher.setAAD(block.subarray(start, body));
      cipher.update(payloads.subarray(from, from + bytes)).copy(block, body);
      cipher.final();
      cipher.getAuthTag().copy(block, body + bytes);
    }
  }
}
