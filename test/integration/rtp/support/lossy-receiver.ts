import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { GenericNack, RtcpTransportLayerFeedback, RtpPacket, SrtcpSession, SrtpSession } from 'werift';
import type { SrtpKeys } from '../../../../src/rtp/srtp-keys.ts';
import { SrtpReceiver } from '../../../../src/rtp/srtp-receiver.ts';

export interface ReceiverOptions {
  /** Of what it receives, and of what it sends. */
  keys: { remote: SrtpKeys; local: SrtpKeys };
  ssrc: number;
  /** Undefined: repairs come as the packets themselves once more. */
  rtxPayloadType: number | undefined;
  /** Share of packets that do not arrive. */
  loss: number;
}

const BUFFER_BYTES = 8 * 1024 * 1024;
const NACK_INTERVAL_MS = 25;
const OWN_SSRC = 0x5eed;

/**
 * A viewer that asks again for what it misses. RTP and RTCP are werift's, and SRTP too where repairs come over RTX, so
 * that no code is shared with the sender. A packet that comes once more from before the rollover is beyond werift, which
 * looks back 100 packets only; there SRTP is our own.
 */
export class LossyReceiver {
  /** Payloads by extended sequence number. */
  readonly payloads = new Map<number, Buffer>();
  dropped = 0;
  repaired = 0;
  refused = 0;
  readonly #options: ReceiverOptions;
  readonly #socket: Socket;
  readonly #decrypt: (packet: Buffer) => Buffer | undefined;
  readonly #srtcp: SrtcpSession;
  #highest = -1;
  #first = Infinity;
  #sender = { port: 0, address: '' };
  #nack: NodeJS.Timeout;

  private constructor(socket: Socket, options: ReceiverOptions) {
    this.#socket = socket;
    this.#options = options;
    const { remote, local } = options.keys;
    const config = {
      profile: remote.profile === 'AEAD_AES_128_GCM' ? 7 : 1,
      keys: {
        localMasterKey: local.masterKey,
        localMasterSalt: local.masterSalt,
        remoteMasterKey: remote.masterKey,
        remoteMasterSalt: remote.masterSalt,
      },
    };
    const own = new SrtpReceiver(remote);
    const other = new SrtpSession(config);
    this.#decrypt =
      options.rtxPayloadType === undefined
        ? (packet) => own.unprotect(packet)
        : (packet) => other.decrypt(packet);
    this.#srtcp = new SrtcpSession(config);
    socket.on('message', (packet, from) => {
      this.#sender = from;
      if (Math.random() < options.loss) this.dropped += 1;
      else this.#receive(packet);
    });
    this.#nack = setInterval(() => this.#sendNack(), NACK_INTERVAL_MS);
  }

  static async open(options: ReceiverOptions): Promise<LossyReceiver> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new LossyReceiver(socket, options);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** Resolves when every packet from the first received one up to `last` is there, which may itself be lost. */
  async complete(last: number): Promise<void> {
    const signal = AbortSignal.timeout(20_000);
    this.#highest = Math.max(this.#highest, last);
    while (this.#missing().length > 0) await once(this.#socket, 'message', { signal });
  }

  close(): void {
    clearInterval(this.#nack);
    this.#socket.close();
  }

  #receive(packet: Buffer): void {
    const isRtcp = packet.readUInt8(1) >= 192 && packet.readUInt8(1) <= 223;
    if (isRtcp) return;
    const plain = this.#open(packet);
    if (!plain) return;
    const { header, payload } = RtpPacket.deSerialize(plain);
    const isRepair = header.payloadType === this.#options.rtxPayloadType;
    const sequence = isRepair ? payload.readUInt16BE(0) : header.sequenceNumber;
    const index = this.#highest < 0 ? sequence : this.#highest + (((sequence - this.#highest) << 16) >> 16);
    this.#highest = Math.max(this.#highest, index);
    this.#first = Math.min(this.#first, index);
    if (isRepair) this.repaired += 1;
    this.payloads.set(index, Buffer.from(isRepair ? payload.subarray(2) : payload));
  }

  #open(packet: Buffer): Buffer | undefined {
    try {
      const plain = this.#decrypt(packet);
      if (plain) return plain;
    } catch {
      // Refused, as below.
    }
    this.refused += 1;
    return undefined;
  }

  #missing(): number[] {
    const missing: number[] = [];
    for (let index = this.#first; index <= this.#highest; index++)
      if (!this.payloads.has(index)) missing.push(index & 0xffff);
    return missing;
  }

  #sendNack(): void {
    const lost = this.#missing().slice(0, 200);
    if (lost.length === 0 || this.#sender.port === 0) return;
    const feedback = new GenericNack({ senderSsrc: OWN_SSRC, mediaSourceSsrc: this.#options.ssrc, lost });
    const packet = this.#srtcp.encrypt(new RtcpTransportLayerFeedback({ feedback }).serialize());
    this.#socket.send(packet, this.#sender.port, this.#sender.address);
  }
}
