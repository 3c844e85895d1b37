import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

const SCRIPT = join(import.meta.dirname, 'wire-clock.py');

/** When the first packet of each picture left, epoch milliseconds, by SSRC and RTP timestamp. */
export type Departures = Record<string, Record<string, number>>;

/** Sees packets leave over loopback, by the kernel's clock. Takes root. */
export class WireClock {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#lines = createInterface(child.stdout);
  }

  static async start(cpu: number): Promise<WireClock> {
    const command = ['-c', String(cpu), '/usr/bin/python3', SCRIPT];
    const clock = new WireClock(spawn('taskset', command, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await clock.#line();
    return clock;
  }

  /** Of what left since the last call. */
  async take(): Promise<Departures> {
    const line = this.#line();
    this.#child.stdin.write('\n');
    const departures: Departures = JSON.parse(await line);
    return departures;
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }

  async #line(): Promise<string> {
    const [line] = await Promise.race([
      once(this.#lines, 'line'),
      once(this.#child, 'exit').then(() => Promise.reject(new Error('the wire cannot be watched: root?'))),
    ]);
    return String(line);
  }
}
