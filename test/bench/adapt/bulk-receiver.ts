import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { NetworkLab } from '../../support/network-lab.ts';

/** A bulk flow over TCP from the device to this machine, and what came of it. */
export class BulkFlow {
  bytes = 0;
  readonly #server: Server;
  #socket: Socket | undefined;
  #child: ChildProcess | undefined;

  private constructor() {
    this.#server = createServer((socket) => {
      this.#socket = socket;
      socket.on('data', ({ length }) => (this.bytes += length));
      socket.on('error', () => socket.destroy());
    });
  }

  static async start(lab: NetworkLab): Promise<BulkFlow> {
    const flow = new BulkFlow();
    flow.#server.listen(0, lab.hostIpv4);
    await once(flow.#server, 'listening');
    const address = flow.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const [program = '', ...prefix] = lab.launcher;
    const script = join(import.meta.dirname, 'bulk-flow.ts');
    const args = [...prefix, process.execPath, script, lab.hostIpv4, String(port)];
    flow.#child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(flow.#server, 'connection');
    return flow;
  }

  async close(): Promise<void> {
    this.#server.close();
    if (this.#child?.connected) this.#child.disconnect();
    if (this.#child && this.#child.exitCode === null) await once(this.#child, 'exit');
    // Its end may be lost with the network.
    this.#socket?.destroy();
  }
}
