import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** The second octet of RTCP (RFC 5761 section 4). */
const RTCP = { from: 192, to: 223 };
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** RFC 7983: the first octet tells RTP and RTCP from STUN and DTLS. */
function kindOf(packet: Buffer): 'rtp' | 'rtcp' | 'other' {
  const [first = 0, second = 0] = packet;
  if (first < 128 || first > 191) return 'other';
  return second >= RTCP.from && second <= RTCP.to ? 'rtcp' : 'rtp';
}

/** The only way between one viewer and the device, on loopback: what is encrypted stays so, but packets are lost or held back. */
export class RtpGate {
  /** Every packet of the RTX stream is lost too (RFC 4588). */
  losesRepetitions = false;
  readonly #front: Socket;
  readonly #back: Socket;
  readonly #mediaSsrc: number;
  readonly #rtxSsrc: number;
  #losesNext = false;
  /** The viewer's RTCP that is held back. */
  #held: Buffer[] | undefined;
  #lost: () => void = () => {};

  private constructor(front: Socket, back: Socket, mediaSsrc: number, rtxSsrc: number) {
    this.#front = front;
    this.#back = back;
    this.#mediaSsrc = mediaSsrc;
    this.#rtxSsrc = rtxSsrc;
  }

  /** @param answer The device's; resolves to a gate and the answer that leads through it and no other way. */
  static async open(answer: string): Promise<{ gate: RtpGate; answer: string }> {
    const [line, address, port] = /a=candidate:\S+ 1 udp \d+ (\d+\.\S+) (\d+) typ host/i.exec(answer) ?? [];
    const [, mediaSsrc, rtxSsrc] = /a=ssrc-group:FID (\d+) (\d+)/.exec(answer) ?? [];
    if (line === undefined || address === undefined || rtxSsrc === undefined)
      throw new Error(`no IPv4 host candidate, or no video with RTX, in ${answer}`);
    const [front, back] = [createSocket('udp4'), createSocket('udp4')];
    for (const socket of [front, back]) {
      socket.bind(0);
      await once(socket, 'listening');
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    }
    back.connect(Number(port), address);
    await once(back, 'connect');
    const gate = new RtpGate(front, back, Number(mediaSsrc), Number(rtxSsrc));
    gate.#forward();
    const through = line.replace(`${address} ${port}`, `127.0.0.1 ${front.address().port}`);
    const lines = answer.split('\r\n').filter((each) => !/^a=(candidate|end-of-candidates)/.test(each));
    return { gate, answer: lines.join('\r\n').replace(/^a=ice-ufrag/gm, `${through}\r\na=ice-ufrag`) };
  }

  /** Resolves when the next packet of the picture is lost. */
  losePacket(): Promise<void> {
    this.#losesNext = true;
    return new Promise((resolve) => {
      this.#lost = resolve;
    });
  }

  /** From now on nothing that the viewer reports or asks for reaches the device. */
  holdReports(): void {
    this.#held ??= [];
  }

  /** What was held back goes, all at once, and what comes later as it comes. */
  releaseReports(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const packet of held) this.#back.send(packet);
  }

  close(): void {
    this.#front.close();
    this.#back.close();
  }

  #forward(): void {
    let viewer: RemoteInfo | undefined;
    this.#front.on('message', (packet, from) => {
      viewer = from;
      if (this.#held && kindOf(packet) === 'rtcp') this.#held.push(packet);
      else this.#back.send(packet);
    });
    this.#back.on('message', (packet) => {
      if (viewer && !this.#loses(packet)) this.#front.send(packet, viewer.port, viewer.address);
    });
    // A device that is gone is its viewer's to notice.
    this.#back.on('error', () => {});
  }

  #loses(packet: Buffer): boolean {
    if (kindOf(packet) !== 'rtp') return false;
    const ssrc = packet.readUInt32BE(8);
    if (ssrc === this.#rtxSsrc) return this.losesRepetitions;
    if (ssrc !== this.#mediaSsrc || !this.#losesNext) return false;
    this.#losesNext = false;
    this.#lost();
    return true;
  }
}
