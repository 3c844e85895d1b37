import { fork, type ChildProcess } from 'node:child_process';

/** To the parent; a parent that is gone is told by `disconnect`. */
export function send(message: object): void {
  process.send?.(message);
}

/** A forked program that answers requests: `{call, request}` with `{call, answer}` or `{call, error}`. */
export class ChildCalls {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  readonly #exited: Promise<void>;
  #calls = 0;

  /** @param cpu The processor that it is bound to. */
  constructor(script: string, args: readonly string[], cpu: number, execArgv: string[] = []) {
    this.#child = fork(script, args, { execArgv: [], ...pinned(cpu, execArgv) });
    this.#child.on('message', (message) => this.#answered(message));
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        for (const { reject } of this.#pending.values())
          reject(new Error(`${script} ended with code ${code}`));
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  call(request: object): Promise<unknown> {
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { resolve, reject });
      this.#child.send({ call, request });
    });
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#exited;
  }

  #answered(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('call' in message)) return;
    const pending = this.#pending.get(Number(message.call));
    this.#pending.delete(Number(message.call));
    if ('error' in message) pending?.reject(new Error(String(message.error)));
    else pending?.resolve('answer' in message ? message.answer : undefined);
  }
}

/** `taskset` becomes the program itself (exec), so that the process id is the program's. */
function pinned(cpu: number, nodeArgs: string[]): { execPath: string; execArgv: string[] } {
  return { execPath: '/usr/bin/taskset', execArgv: ['-c', String(cpu), process.execPath, ...nodeArgs] };
}
