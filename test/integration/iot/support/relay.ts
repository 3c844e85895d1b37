import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP relay before a server: the device's link, which can be cut while the server goes on. */
export class Relay {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  /** `endpoint`: `host:port` of the server. */
  constructor(endpoint: string) {
    this.#target = Number(endpoint.split(':')[1]);
  }

  get endpoint(): string {
    return `localhost:${this.#port}`;
  }

  /** On the same port each time. */
  async start(): Promise<void> {
    this.#server = createServer((socket) => this.#relay(socket)).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = portOf(this.#server);
  }

  /** Cuts every connection and refuses new ones. */
  stop(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(socket: Socket): void {
    const upstream = connect(this.#target, '127.0.0.1');
    const pair = [socket, upstream];
    for (const each of pair) {
      this.#sockets.add(each);
      each.on('error', () => each.destroy());
      each.on('close', () => {
        this.#sockets.delete(each);
        for (const other of pair) other.destroy();
      });
    }
    socket.pipe(upstream).pipe(socket);
  }
}

/** The port that a listening TCP server has been given. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on TCP');
  return address.port;
}
