import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { AesCmKeyStream, MAX_PACKET_BYTES } from './aes-cm-key-stream.ts';
import { HmacSha1 } from './hmac-sha1.ts';
import { KeyStreamAhead, MAX_AHEAD_BYTES } from './key-stream-ahead.ts';
import { SourceWindows } from './replay-window.ts';
import type { SessionKeys } from './srtp-keys.ts';

const HEADER_BYTES = 8;
const INDEX_BYTES = 4;
const ENCRYPTED = 0x8000_0000;
const CM_TAG_BYTES = 10;
const GCM_TAG_BYTES = 16;

/**
 * SRTCP of one direction (RFC 3711 section 3.4, RFC 7714 section 9). Ten viewers send two hundred packets a second:
 * AES-CM keeps one cipher and one HMAC for good, because making them is what costs.
 */
export class SrtcpContext {
  readonly #keys: SessionKeys;
  readonly #encryptionKey: KeyObject;
  readonly #keyStream: AesCmKeyStream;
  readonly #ahead: KeyStreamAhead;
  readonly #hmac: HmacSha1;
  readonly #windows = new SourceWindows();
  #nextIndex = 0;

  constructor(keys: SessionKeys) {
    this.#keys = keys;
    this.#encryptionKey = createSecretKey(keys.encryptionKey);
    this.#keyStream = new AesCmKeyStream(keys.encryptionKey, keys.salt);
    this.#ahead = new KeyStreamAhead(this.#keyStream);
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
    this.#xorKeyStream(protectedPacket, wordAt, ssrc, index);
    word.copy(protectedPacket, wordAt);
    const tagAt = wordAt + INDEX_BYTES;
    protectedPacket.write(this.#hmac.digest(protectedPacket, tagAt), tagAt, CM_TAG_BYTES, 'binary');
    return protectedPacket;
  }

  /** Plain compound packet; undefined for one that is malformed, longer than 4096 bytes, forged or a replay. */
  unprotect(packet: Buffer): Buffer | undefined {
    const gcm = this.#keys.profile === 'AEAD_AES_128_GCM';
    const trailer = INDEX_BYTES + (gcm ? GCM_TAG_BYTES : CM_TAG_BYTES);
    if (packet.length < HEADER_BYTES + trailer || packet.length > MAX_PACKET_BYTES) return undefined;
    const wordAt = gcm ? packet.length - INDEX_BYTES : packet.length - trailer;
    const word = packet.readUInt32BE(wordAt);
    const index = word % ENCRYPTED;
    const ssrc = packet.readUInt32BE(4);
    const window = this.#windows.find(ssrc);
    if (!window?.isNew(index)) return undefined;
    const plain = gcm
      ? this.#openGcm(packet, wordAt, index, word >= ENCRYPTED)
      : this.#openCm(packet, wordAt, index, word >= ENCRYPTED);
    if (plain !== undefined) this.#windows.accept(ssrc, window, index);
    return plain;
  }

  #openCm(packet: Buffer, wordAt: number, index: number, encrypted: boolean): Buffer | undefined {
    const tagAt = wordAt + INDEX_BYTES;
    const expected = this.#hmac.digest(packet, tagAt);
    // All of it, so that the time does not tell where a forged tag is wrong.
    let difference = 0;
    for (let i = 0; i < CM_TAG_BYTES; i++) difference |= expected.charCodeAt(i) ^ packet[tagAt + i]!;
    if (difference !== 0) return undefined;
    const plain = Buffer.allocUnsafe(wordAt);
    packet.copy(plain, 0, 0, wordAt);
    if (encrypted) this.#xorKeyStream(plain, wordAt, packet.readUInt32BE(4), index);
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

  /** Encrypts or decrypts what follows the header, in place. */
  #xorKeyStream(packet: Buffer, end: number, ssrc: number, index: number): void {
    const bytes = end - HEADER_BYTES;
    if (bytes > MAX_AHEAD_BYTES) {
      this.#keyStream.add(ssrc, index, bytes);
      return xor(packet, this.#keyStream.take(), 0, bytes);
    }
    const from = 4 * this.#ahead.find(ssrc, index, bytes);
    xor(packet, this.#ahead.bytes, from, bytes);
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

function xor(packet: Buffer, keyStream: Uint8Array, from: number, bytes: number): void {
  for (let i = 0; i < bytes; i++) packet[HEADER_BYTES + i]! ^= keyStream[from + i]!;
}
