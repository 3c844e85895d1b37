import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const OUTPUT_KEPT = 8000;
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 3000;

/** A real server program as a child that never outlives this process. */
export class ChildProgram {
  readonly #command: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #output = '';

  private constructor(command: string, args: readonly string[]) {
    this.#command = command;
    // The kernel ends it should this process be killed.
    this.#child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C in a terminal is for this process, which ends it when its clients are gone.
      detached: true,
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      this.#child.once('error', () => resolve());
    });
  }

  /** Resolves when the program printed a line that matches `ready`; rejects with its output where it ends before. */
  static async start(command: string, args: readonly string[], ready: RegExp): Promise<ChildProgram> {
    const program = new ChildProgram(command, args);
    await program.#untilReady(ready);
    return program;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #untilReady(ready: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string) => {
        clearTimeout(timer);
        reject(new Error(`${this.#command} ${reason}: ${this.#output.trim()}`));
      };
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        fail('did not start');
      }, START_TIMEOUT_MS);
      const read = (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-OUTPUT_KEPT);
        if (!ready.test(this.#output)) return;
        clearTimeout(timer);
        resolve();
      };
      this.#child.stdout?.on('data', read);
      this.#child.stderr?.on('data', read);
      this.#child.once('error', (error) => fail(`cannot be run (apt-get install it): ${error.message}`));
      this.#child.once('close', (code) => fail(`ended with code ${code}`));
    });
  }
}

/** A port of `address` that is free for TCP and UDP just now; programs that cannot tell their own need one. */
export async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  const port = bound !== null && typeof bound !== 'string' ? bound.port : 0;
  const socket = createSocket('udp4');
  const udpFree = await new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind(port, address, () => resolve(true));
  });
  if (udpFree) socket.close();
  server.close();
  await once(server, 'close');
  return udpFree ? port : freePort(address);
}
