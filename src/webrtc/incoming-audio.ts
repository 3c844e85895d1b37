import type { MediaCodec } from '../rtp/access-unit.ts';
import { rtpHeaderBytes } from '../rtp/rtp-header.ts';
import type { SrtpKeys } from '../rtp/srtp-keys.ts';
import { SrtpReceiver } from '../rtp/srtp-receiver.ts';
import type { Clock } from '../runtime/clock.ts';
import { TokenBucket } from '../runtime/token-bucket.ts';
import type { MediaDecision } from './negotiate.ts';

/** A packet of what a viewer says. */
export interface AudioPacket {
  codec: MediaCodec;
  /** RTP sequence number. */
  sequence: number;
  payload: Buffer;
}

/** Opus comes in 50 packets a second, in at most 400 with its shortest frames. */
const PACKETS = { burst: 200, perSecond: 200 };

/** The sound that a viewer sends: SRTP in, what was negotiated out. */
export class IncomingAudio {
  readonly #srtp: SrtpReceiver;
  readonly #decisions: () => readonly MediaDecision[];
  readonly #onPacket: (packet: AudioPacket) => void;
  readonly #limit: TokenBucket;

  /** @param decisions As of now. */
  constructor(
    keys: SrtpKeys,
    decisions: () => readonly MediaDecision[],
    onPacket: (packet: AudioPacket) => void,
    clock: Clock,
  ) {
    this.#srtp = new SrtpReceiver(keys);
    this.#decisions = decisions;
    this.#onPacket = onPacket;
    this.#limit = new TokenBucket(PACKETS, clock);
  }

  /** Takes one SRTP packet; what is forged, too much or was not agreed on is dropped. */
  receive(packet: Buffer): void {
    const payloadType = packet.readUInt8(1) & 0x7f;
    const decision = this.#decisions().find(
      (one) => one.accepted && one.kind === 'audio' && one.receiving && one.payloadType === payloadType,
    );
    if (!decision?.accepted || decision.kind !== 'audio' || !this.#limit.take()) return;
    const plain = this.#srtp.unprotect(packet);
    const headerBytes = plain ? rtpHeaderBytes(plain) : 0;
    if (!plain || headerBytes === 0) return;
    // RFC 3550 section 5.1: the last byte of padding counts it.
    const paddingBytes = (plain.readUInt8(0) & 0x20) === 0 ? 0 : plain.readUInt8(plain.length - 1);
    const payload = plain.subarray(headerBytes, plain.length - paddingBytes);
    if (payload.length > 0)
      this.#onPacket({ codec: decision.codec, sequence: plain.readUInt16BE(2), payload });
  }
}
