import type { PacketBatch } from './packet-batch.ts';
import { AesCmProtector } from './srtp-aes-cm.ts';
import { GcmProtector } from './srtp-gcm.ts';
import { deriveSessionKeys, type SrtpKeys } from './srtp-keys.ts';
import { SrtcpContext } from './srtcp.ts';

/** The sending direction of one peer's SRTP session; all its tracks share it. */
export class SrtpSender {
  readonly #rtp: AesCmProtector | GcmProtector;
  readonly #rtcp: SrtcpContext;
  readonly #ssrcs = new Set<number>();

  /** Fails where key or salt have the wrong length. */
  constructor(keys: SrtpKeys) {
    const session = deriveSessionKeys(keys, 'rtp');
    this.#rtp = keys.profile === 'AEAD_AES_128_GCM' ? new GcmProtector(session) : new AesCmProtector(session);
    this.#rtcp = new SrtcpContext(deriveSessionKeys(keys, 'rtcp'));
  }

  /** Bytes that each packet grows by. */
  get tagBytes(): number {
    return this.#rtp.tagBytes;
  }

  /**
   * Reserves an SSRC under these keys for good. Two tracks with one SSRC, or one that starts anew, would use a key
   * stream twice, which reveals both plain texts: fails instead.
   */
  claim(ssrc: number): void {
    if (this.#ssrcs.has(ssrc)) throw new Error(`SSRC ${ssrc} was already used under these SRTP keys`);
    this.#ssrcs.add(ssrc);
  }

  /** Encrypts and authenticates the packets of the batch where they lie. */
  protect(batch: PacketBatch): void {
    this.#rtp.protect(batch);
  }

  protectRtcp(packet: Buffer): Buffer {
    return this.#rtcp.protect(packet);
  }
}
