import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import { HmacSha1 } from './hmac-sha1.ts';
import { ReplayWindow } from './replay-window.ts';
import type { SessionKeys } from './srtp-keys.ts';

const HEADER_BYTES = 8;
const INDEX_BYTES = 4;
const ENCRYPTED = 0x8000_0000;
const CM_TAG_BYTES = 10;
const GCM_TAG_BYTES = 16;
const BLOCK_BYTES = 16;

const expectedTag = Buffer.alloc(CM_TAG_BYTES);

/**
 * SRTCP of one direction (RFC 3711 section 3.4, RFC 7714 section 9). Ten viewers send two hundred packets a second:
 * AES-CM keeps one cipher and one HMAC for good, because making them is what costs.
 */
export class SrtcpContext {
  readonly #keys: SessionKeys;
  readonly #encryptionKey: KeyObject;
  readonly #counterCipher;
  readonly #hmac: HmacSha1;
  readonly #window = new ReplayWindow();
  #nextIndex = 0;

  constructor(keys: SessionKeys) {
    this.#keys = keys;
    this.#encryptionKey = createSecretKey(keys.encryptionKey);
    this.#counterCipher = createCipheriv('aes-128-ecb', keys.encryptionKey, null).setAutoPadding(false);
    this.#hmac = new HmacSha1(keys.authenticationKey);
  }

  /** Encrypts a compound packet of at least 8 bytes. */
  protect(packet: Buffer): Buffer {
    const index = this.#nextIndex++;
    const header = packet.subarray(0, HEADER_BYTES);
    const body = packet.subarray(HEADER_BYTES);
    const ssrc = packet.readUInt32BE(4);
    const word = Buffer.alloc(INDEX_BYTES);
    word.writeUInt32BE(ENCRYPTED + index);
    if (this.#keys.profile === 'AEAD_AES_128_GCM') {
      const cipher = createCipheriv('aes-128-gcm', this.#encryptionKey, this.#nonce(ssrc, index));
      cipher.setAAD(Buffer.concat([header, word]));
      const encrypted = Buffer.concat([cipher.update(body), cipher.final()]);
      return Buffer.concat([header, encrypted, cipher.getAuthTag(), word]);
    }
    const wordAt = packet.length;
    const protectedPacket = Buffer.allocUnsafe(wordAt + INDEX_BYTES + CM_TAG_BYTES);
    packet.copy(protectedPacket);
    this.#xorKeyStream(protectedPacket.subarray(HEADER_BYTES, wordAt), ssrc, index);
    word.copy(protectedPacket, wordAt);
    const tagAt = wordAt + INDEX_BYTES;
    protectedPacket.write(
      this.#hmac.digest(protectedPacket.subarray(0, tagAt)),
      tagAt,
      CM_TAG_BYTES,
      'binary',
    );
    return protectedPacket;
  }

  /** Plain compound packet; undefined for one that is malformed, forged or a replay. */
  unprotect(packet: Buffer): Buffer | undefined {
    const gcm = this.#keys.profile === 'AEAD_AES_128_GCM';
    const trailer = INDEX_BYTES + (gcm ? GCM_TAG_BYTES : CM_TAG_BYTES);
    if (packet.length < HEADER_BYTES + trailer) return undefined;
    const wordAt = gcm ? packet.length - INDEX_BYTES : packet.length - trailer;
    const word = packet.readUInt32BE(wordAt);
    const index = word % ENCRYPTED;
    if (!this.#window.isNew(index)) return undefined;
    const plain = gcm
      ? this.#openGcm(packet, wordAt, index, word >= ENCRYPTED)
      : this.#openCm(packet, wordAt, index, word >= ENCRYPTED);
    if (plain !== undefined) this.#window.accept(index);
    return plain;
  }

  #openCm(packet: Buffer, wordAt: number, index: number, encrypted: boolean): Buffer | undefined {
    const tagAt = wordAt + INDEX_BYTES;
    expectedTag.write(this.#hmac.digest(packet.subarray(0, tagAt)), 0, CM_TAG_BYTES, 'binary');
    if (!timingSafeEqual(expectedTag, packet.subarray(tagAt))) return undefined;
    const plain = Buffer.from(packet.subarray(0, wordAt));
    if (encrypted) this.#xorKeyStream(plain.subarray(HEADER_BYTES), packet.readUInt32BE(4), index);
    return plain;
  }

  #openGcm(packet: Buffer, wordAt: number, index: number, encrypted: boolean): Buffer | undefined {
    const tagAt = wordAt - GCM_TAG_BYTES;
    const nonce = this.#nonce(packet.readUInt32BE(4), index);
    const cipher = createDecipheriv('aes-128-gcm', this.#encryptionKey, nonce, {
      authTagLength: GCM_TAG_BYTES,
    });
    const clearEnd = encrypted ? HEADER_BYTES : tagAt;
    cipher.setAAD(Buffer.concat([packet.subarray(0, clearEnd), packet.subarray(wordAt)]));
    cipher.setAuthTag(packet.subarray(tagAt, wordAt));
    const body = cipher.update(packet.subarray(clearEnd, tagAt));
    try {
      cipher.final();
    } catch {
      return undefined;
    }
    return Buffer.concat([packet.subarray(0, clearEnd), body]);
  }

  /** Counter mode (RFC 3711 section 4.1.1) in place: blocks (salt · 2¹⁶) ⊕ SSRC · 2⁶⁴ ⊕ index · 2¹⁶ + 0, 1, 2 … */
  #xorKeyStream(body: Buffer, ssrc: number, index: number): void {
    const counters = Buffer.alloc((body.length + BLOCK_BYTES - 1) & -BLOCK_BYTES);
    for (let at = 0, block = 0; at < counters.length; at += BLOCK_BYTES, block++) {
      counters.writeUInt32BE(ssrc, at + 4);
      counters.writeUInt32BE(index, at + 10);
      for (let i = 0; i < this.#keys.salt.length; i++) counters[at + i]! ^= this.#keys.salt[i]!;
      counters.writeUInt16BE(block, at + 14);
    }
    const stream = this.#counterCipher.update(counters);
    for (let i = 0; i < body.length; i++) body[i]! ^= stream[i]!;
  }

  /** (0₁₆ || SSRC || 0₁₆ || index) ⊕ salt (RFC 7714 section 9.1). */
  #nonce(ssrc: number, index: number): Buffer {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(ssrc, 2);
    nonce.writeUInt32BE(index, 8);
    for (let i = 0; i < 12; i++) nonce[i]! ^= this.#keys.salt[i]!;
    return nonce;
  }
}
