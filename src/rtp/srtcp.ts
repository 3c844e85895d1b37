import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import type { SessionKeys } from './srtp-keys.ts';
import { ReplayWindow } from './replay-window.ts';

const HEADER_BYTES = 8;
const INDEX_BYTES = 4;
const ENCRYPTED = 0x8000_0000;
const CM_TAG_BYTES = 10;
const GCM_TAG_BYTES = 16;

/** SRTCP of one direction (RFC 3711 section 3.4, RFC 7714 section 9). RTCP is rare: written for clarity. */
export class SrtcpContext {
  readonly #keys: SessionKeys;
  readonly #encryptionKey: KeyObject;
  readonly #authenticationKey: KeyObject;
  readonly #window = new ReplayWindow();
  #nextIndex = 0;

  constructor(keys: SessionKeys) {
    this.#keys = keys;
    this.#encryptionKey = createSecretKey(keys.encryptionKey);
    this.#authenticationKey = createSecretKey(keys.authenticationKey);
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
    const cipher = createCipheriv('aes-128-ctr', this.#encryptionKey, this.#counter(ssrc, index));
    const authenticated = Buffer.concat([header, cipher.update(body), word]);
    return Buffer.concat([authenticated, this.#tag(authenticated)]);
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
    if (!timingSafeEqual(this.#tag(packet.subarray(0, tagAt)), packet.subarray(tagAt))) return undefined;
    if (!encrypted) return Buffer.from(packet.subarray(0, wordAt));
    const counter = this.#counter(packet.readUInt32BE(4), index);
    const cipher = createDecipheriv('aes-128-ctr', this.#encryptionKey, counter);
    return Buffer.concat([
      packet.subarray(0, HEADER_BYTES),
      cipher.update(packet.subarray(HEADER_BYTES, wordAt)),
    ]);
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

  #tag(authenticated: Buffer): Buffer {
    return createHmac('sha1', this.#authenticationKey)
      .update(authenticated)
      .digest()
      .subarray(0, CM_TAG_BYTES);
  }

  /** (salt · 2¹⁶) ⊕ SSRC · 2⁶⁴ ⊕ index · 2¹⁶ (RFC 3711 section 4.1.1). */
  #counter(ssrc: number, index: number): Buffer {
    const counter = Buffer.alloc(16);
    counter.writeUInt32BE(ssrc, 4);
    counter.writeUInt32BE(index, 10);
    for (let i = 0; i < this.#keys.salt.length; i++) counter[i]! ^= this.#keys.salt[i]!;
    return counter;
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
