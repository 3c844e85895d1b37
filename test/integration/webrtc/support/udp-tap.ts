import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseStun } from '../../../../src/webrtc/ice/stun.ts';

/** Forwards one client's datagrams to a server and back, and notes the types of the STUN messages of the client. */
export class UdpTap {
  readonly types: number[] = [];
  channelData = 0;
  readonly #front: Socket;
  readonly #back: Socket;

  private constructor(front: Socket, back: Socket) {
    this.#front = front;
    this.#back = back;
  }

  static async open(serverPort: number, address = '127.0.0.1'): Promise<UdpTap> {
    const front = createSocket('udp4');
    const back = createSocket('udp4');
    const tap = new UdpTap(front, back);
    let client = { port: 0, address };
    front.on('message', (data, from) => {
      client = from;
      tap.#note(data);
      back.send(data, serverPort, address);
    });
    back.on('message', (data) => front.send(data, client.port, client.address));
    front.bind(0, address);
    await once(front, 'listening');
    return tap;
  }

  get port(): number {
    return this.#front.address().port;
  }

  count(type: number): number {
    return this.types.filter((each) => each === type).length;
  }

  close(): void {
    this.#front.close();
    this.#back.close();
  }

  #note(data: Buffer): void {
    const type = parseStun(data)?.type;
    if (type === undefined) this.channelData += 1;
    else this.types.push(type);
  }
}
