import { randomBytes } from 'node:crypto';
import type { MediaCodec } from '../../src/rtp/access-unit.ts';
import type { PacketTransport } from '../../src/rtp/packet-output.ts';
import { saltBytes, type SrtpKeys, type SrtpProfile } from '../../src/rtp/srtp-keys.ts';
import { SrtpReceiver } from '../../src/rtp/srtp-receiver.ts';
import { SrtpSender } from '../../src/rtp/srtp-sender.ts';
import { depacketize } from './rtp-depacketizer.ts';
import { parseRtp, type RtpPacket } from './rtp-packet.ts';

export interface ReceivedFrame {
  timestamp: number;
  data: Buffer;
}

export interface ViewerOptions {
  codec?: MediaCodec;
  profile?: SrtpProfile;
  payloadType: number;
  rtxPayloadType?: number;
}

/** A viewer's end of the wire: takes datagrams, decrypts, repairs by RTX and puts frames together. */
export class RtpViewer implements PacketTransport {
  readonly srtp: SrtpSender;
  /** Datagrams as they came, RTCP too. */
  readonly datagrams: Buffer[] = [];
  /** Media packets by extended sequence number. */
  readonly packets = new Map<number, RtpPacket>();
  readonly repaired: number[] = [];
  readonly rtcp: Buffer[] = [];
  refused = 0;
  /** Lets each send fail. */
  refuses = false;
  /** Decides which datagrams arrive. */
  arrives: (datagram: Buffer) => boolean = () => true;
  readonly #options: ViewerOptions;
  readonly #receiver: SrtpReceiver;
  /** Highest extended sequence number that came; -1 before the first. */
  highest = -1;
  #first = -1;

  constructor(options: ViewerOptions) {
    const profile = options.profile ?? 'AES_CM_128_HMAC_SHA1_80';
    const keys: SrtpKeys = {
      profile,
      masterKey: randomBytes(16),
      masterSalt: randomBytes(saltBytes(profile)),
    };
    this.srtp = new SrtpSender(keys);
    this.#receiver = new SrtpReceiver(keys);
    this.#options = options;
  }

  send(datagram: Uint8Array): void {
    if (this.refuses) throw new Error('EPERM');
    const packet = Buffer.from(datagram);
    this.datagrams.push(packet);
    if (this.arrives(packet)) this.#receive(packet);
  }

  busy(): boolean {
    return false;
  }

  /** Sequence numbers missing between the first and the last media packet. */
  missing(): number[] {
    const missing: number[] = [];
    for (let i = this.#first; i < this.highest; i++) if (!this.packets.has(i)) missing.push(i);
    return missing;
  }

  /** Whole frames in the order of their packets. */
  frames(): ReceivedFrame[] {
    const byTimestamp = new Map<number, RtpPacket[]>();
    for (const index of [...this.packets.keys()].toSorted((a, b) => a - b)) {
      const packet = this.packets.get(index)!;
      const packets = byTimestamp.get(packet.timestamp);
      if (packets) packets.push(packet);
      else byTimestamp.set(packet.timestamp, [packet]);
    }
    const codec = this.#options.codec ?? 'h264';
    return [...byTimestamp]
      .filter(([, packets]) => codec === 'opus' || packets.at(-1)!.marker)
      .map(([timestamp, packets]) => ({
        timestamp,
        data: depacketize(
          codec,
          packets.map((p) => p.payload),
        ),
      }));
  }

  #receive(datagram: Buffer): void {
    const isRtcp = datagram[1]! >= 192 && datagram[1]! <= 223;
    const plain = isRtcp ? this.#receiver.unprotectRtcp(datagram) : this.#receiver.unprotect(datagram);
    if (plain === undefined) this.refused += 1;
    else if (isRtcp) this.rtcp.push(plain);
    else this.#take(parseRtp(plain));
  }

  #take(packet: RtpPacket): void {
    if (packet.payloadType === this.#options.rtxPayloadType) {
      if (packet.payload.length === 0) return;
      const original = {
        ...packet,
        sequence: packet.payload.readUInt16BE(0),
        payload: packet.payload.subarray(2),
      };
      this.repaired.push(this.#store(original));
    } else if (packet.payloadType === this.#options.payloadType) {
      this.#store(packet);
    } else {
      throw new Error(`payload type ${packet.payloadType} was not agreed on`);
    }
  }

  #store(packet: RtpPacket): number {
    const index =
      this.highest < 0 ? packet.sequence : this.highest + (((packet.sequence - this.highest) << 16) >> 16);
    this.highest = Math.max(this.highest, index);
    this.#first = this.#first < 0 ? index : Math.min(this.#first, index);
    this.packets.set(index, packet);
    return index;
  }
}
