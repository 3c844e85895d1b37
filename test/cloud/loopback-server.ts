import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import type { CertificateFiles } from './pki.ts';

export interface TlsOptions extends CertificateFiles {
  caPath: string;
  /** Ask for a client certificate; what it is worth is for the service to judge. */
  requestCertificate?: boolean;
}

export function httpsServer(options: TlsOptions): ReturnType<typeof createHttpsServer> {
  return createHttpsServer({
    cert: readFileSync(options.certificatePath),
    key: readFileSync(options.privateKeyPath),
    ca: readFileSync(options.caPath),
    requestCert: options.requestCertificate ?? false,
    rejectUnauthorized: false,
  });
}

/** A TCP server that can go away, cutting every connection, and come back on the same port. */
export class LoopbackServer {
  readonly #server: Server;
  readonly #address: string;
  readonly #sockets = new Set<Socket>();
  #port: number;

  /** @param port Default: any free one. */
  constructor(server: Server, address: string, port = 0) {
    this.#server = server;
    this.#address = address;
    this.#port = port;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** 0 before the first start, where any will do. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    if (this.#server.listening) return;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.#address, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#port = portOf(this.#server);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return address.port;
}
