import { createSocket, type Socket } from 'node:dgram';
import type { Candidate } from './candidate.ts';
import { candidatePriority, foundation } from './candidate.ts';
import type { BaseEvents, IceBase } from './ice-base.ts';
import type { LocalAddress } from './local-network.ts';

/** Linux doubles it, up to its own bound: a key frame is a burst of hundreds of packets. */
const SOCKET_BUFFER_BYTES = 1 << 20;

/** One datagram in so many has its outcome told: a callback costs a tick of its own. */
const OUTCOME_EVERY = 64;

type LookupCallback = (error: null, address: string, family: number) => void;

/** A UDP socket on one of the device's addresses, and its host candidate. */
export class HostBase implements IceBase {
  readonly localAddress: string;
  readonly family: 4 | 6;
  readonly candidate: Candidate;
  /** An estimate, from the datagrams whose outcome is told. */
  sendErrors = 0;
  readonly #socket: Socket;
  #events: BaseEvents | undefined;
  #closed = false;
  #sent = 0;
  /** One function for all sends: no closure for each packet. */
  readonly #onSent = (error: Error | null): void => {
    if (error) this.sendErrors += OUTCOME_EVERY;
  };

  private constructor(socket: Socket, { address, family }: LocalAddress, localPreference: number) {
    this.#socket = socket;
    this.localAddress = address;
    this.family = family;
    this.candidate = {
      foundation: foundation('host', address),
      transport: 'udp',
      priority: candidatePriority('host', localPreference),
      address,
      port: socket.address().port,
      type: 'host',
    };
    // EPERM, ENETUNREACH and the like come here too when they are told late; the network may well come back.
    socket.on('error', () => {
      this.sendErrors += 1;
    });
    socket.on('message', (data, { port, address: from }) => this.#events?.onDatagram(data, port, from));
  }

  /** Rejects when the address cannot be bound (any more). */
  static async open(address: LocalAddress, localPreference: number): Promise<HostBase> {
    const socket = createSocket({
      type: address.family === 6 ? 'udp6' : 'udp4',
      // All addresses are literal: looked up in place, so that a datagram leaves within `send`.
      lookup: (host: string, _options: unknown, callback: LookupCallback) =>
        callback(null, host, address.family),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (cause) => {
        socket.close();
        reject(new Error(`cannot open a UDP socket on ${address.address}`, { cause }));
      });
      socket.bind({ address: address.address, port: 0, exclusive: true }, resolve);
    });
    socket.removeAllListeners('error');
    try {
      socket.setSendBufferSize(SOCKET_BUFFER_BYTES);
      socket.setRecvBufferSize(SOCKET_BUFFER_BYTES);
    } catch {
      // Not granted: the default serves too.
    }
    return new HostBase(socket, address, localPreference);
  }

  listen(events: BaseEvents): void {
    this.#events = events;
  }

  send(datagram: Uint8Array, port: number, address: string): void {
    if (this.#closed) return;
    const isTold = this.#sent % OUTCOME_EVERY === 0;
    this.#sent += 1;
    if (isTold) this.#socket.send(datagram, port, address, this.#onSent);
    else this.#socket.send(datagram, port, address);
  }

  busy(): boolean {
    return !this.#closed && this.#socket.getSendQueueCount() > 0;
  }

  permit(): undefined {
    return undefined;
  }

  prefer(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events = undefined;
    this.#socket.close();
  }
}
