import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { IpcSession, type IpcHost } from './ipc-session.ts';

/** The nucleus's unix socket. */
export class IpcServer {
  readonly path: string;
  readonly #host: IpcHost;
  readonly #sessions = new Set<IpcSession>();
  readonly #waiting: (() => void)[] = [];
  #server: Server | undefined;

  constructor(path: string, host: IpcHost) {
    this.path = path;
    this.#host = { ...host, onAnswered: () => this.#happened() };
  }

  /** Names of the components that are connected now. */
  get components(): string[] {
    return [...this.#sessions].flatMap(({ component }) => component ?? []);
  }

  /** Resolves when `holds`, asked now and after whatever happens here. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #happened(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  start(): Promise<void> {
    // A nucleus that was killed leaves its socket behind.
    rmSync(this.path, { force: true });
    const server = createServer((socket) => {
      const session = new IpcSession(socket, this.#host);
      this.#sessions.add(session);
      socket.once('close', () => {
        this.#sessions.delete(session);
        this.#happened();
      });
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.path, resolve);
    });
  }

  /** Cuts every connection; the socket is gone. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.disconnect();
    await closed;
  }

  /** Cuts every connection; new ones are welcome. */
  disconnect(): void {
    for (const session of this.#sessions) session.close();
  }
}
