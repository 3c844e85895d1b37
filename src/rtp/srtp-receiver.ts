import { createDecipheriv, createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { SourceWindows } from './replay-window.ts';
import { rtpHeaderBytes } from './rtp-header.ts';
import { SrtcpContext } from './srtcp.ts';
import { gcmNonce } from './srtp-gcm.ts';
import { deriveSessionKeys, type SessionKeys, type SrtpKeys } from './srtp-keys.ts';

const CM_TAG_BYTES = 10;
const GCM_TAG_BYTES = 16;

/** The receiving direction of one peer's SRTP session. */
export class SrtpReceiver {
  readonly #keys: SessionKeys;
  readonly #encryptionKey: KeyObject;
  readonly #authenticationKey: KeyObject;
  readonly #rtcp: SrtcpContext;
  readonly #windows = new SourceWindows();

  /** Fails where key or salt have the wrong length. */
  constructor(keys: SrtpKeys) {
    this.#keys = deriveSessionKeys(keys, 'rtp');
    this.#encryptionKey = createSecretKey(this.#keys.encryptionKey);
    this.#authenticationKey = createSecretKey(this.#keys.authenticationKey);
    this.#rtcp = new SrtcpContext(deriveSessionKeys(keys, 'rtcp'));
  }

  /** Plain RTP packet; undefined for one that is malformed, forged or a replay. */
  unprotect(packet: Buffer): Buffer | undefined {
    const gcm = this.#keys.profile === 'AEAD_AES_128_GCM';
    const headerBytes = rtpHeaderBytes(packet);
    const tagAt = packet.length - (gcm ? GCM_TAG_BYTES : CM_TAG_BYTES);
    if (headerBytes === 0 || tagAt < headerBytes) return undefined;
    const ssrc = packet.readUInt32BE(8);
    const window = this.#windows.find(ssrc);
    if (window === undefined) return undefined;
    const index = indexOf(packet.readUInt16BE(2), window.highest);
    if (index < 0 || !window.isNew(index)) return undefined;
    const plain = gcm
      ? this.#openGcm(packet, headerBytes, tagAt, ssrc, index)
      : this.#openCm(packet, headerBytes, tagAt, ssrc, index);
    if (plain === undefined) return undefined;
    this.#windows.accept(ssrc, window, index);
    return plain;
  }

  /** Plain compound RTCP packet; undefined for one that is malformed, forged or a replay. */
  unprotectRtcp(packet: Buffer): Buffer | undefined {
    return this.#rtcp.unprotect(packet);
  }

  #openCm(
    packet: Buffer,
    headerBytes: number,
    tagAt: number,
    ssrc: number,
    index: number,
  ): Buffer | undefined {
    const rollover = Buffer.alloc(4);
    rollover.writeUInt32BE(Math.floor(index / 65_536));
    const hmac = createHmac('sha1', this.#authenticationKey)
      .update(packet.subarray(0, tagAt))
      .update(rollover);
    if (!timingSafeEqual(hmac.digest().subarray(0, CM_TAG_BYTES), packet.subarray(tagAt))) return undefined;
    const counter = Buffer.alloc(16);
    counter.writeUInt32BE(ssrc, 4);
    counter.writeUIntBE(index, 8, 6);
    for (let i = 0; i < this.#keys.salt.length; i++) counter[i]! ^= this.#keys.salt[i]!;
    const cipher = createDecipheriv('aes-128-ctr', this.#encryptionKey, counter);
    return Buffer.concat([
      packet.subarray(0, headerBytes),
      cipher.update(packet.subarray(headerBytes, tagAt)),
    ]);
  }

  #openGcm(
    packet: Buffer,
    headerBytes: number,
    tagAt: number,
    ssrc: number,
    index: number,
  ): Buffer | undefined {
    const nonce = Buffer.alloc(12);
    gcmNonce(nonce, this.#keys.salt, ssrc, index);
    const cipher = createDecipheriv('aes-128-gcm', this.#encryptionKey, nonce, {
      authTagLength: GCM_TAG_BYTES,
    });
    const header = packet.subarray(0, headerBytes);
    cipher.setAAD(header).setAuthTag(packet.subarray(tagAt));
    const body = cipher.update(packet.subarray(headerBytes, tagAt));
    try {
      cipher.final();
    } catch {
      return undefined;
    }
    return Buffer.concat([header, body]);
  }
}

/** The index with this sequence number that lies nearest to the highest seen (RFC 3711 appendix A); may be negative. */
function indexOf(sequence: number, highest: number): number {
  if (highest < 0) return sequence;
  const ahead = (sequence - (highest & 0xffff) + 0x1_8000) & 0xffff;
  return highest + ahead - 0x8000;
}
