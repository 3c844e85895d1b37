import { fork, type ChildProcess } from 'node:child_process';

interface Pending {
  resolve: (answer: string) => void;
  reject: (error: Error) => void;
}

/** In a program that `ChildCalls` runs: answers every request, both as JSON. Ends with the parent. */
export function answerRequests(handle: (request: string) => Promise<unknown>): void {
  process.on('message', ({ call, request }: { call: number; request: string }) => {
    handle(request).then(
      (answer) => process.send?.({ call, answer: JSON.stringify(answer ?? null) }),
      (error: unknown) => process.send?.({ call, error: String(error) }),
    );
  });
  // A benchmark that died must not leave its programs behind.
  process.on('disconnect', () => process.exit());
}

/** A forked program that answers requests, bound to one processor. */
export class ChildCalls {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #calls = 0;

  constructor(script: string, args: readonly string[], cpu: number) {
    // `taskset` becomes Node itself (exec), so that the process id is the program's.
    const execArgv = ['-c', String(cpu), process.execPath];
    this.#child = fork(script, args, { execPath: '/usr/bin/taskset', execArgv });
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

  /** Resolves to the answer as JSON. */
  call(request: object): Promise<string> {
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { resolve, reject });
      this.#child.send({ call, request: JSON.stringify(request) });
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
    else pending?.resolve('answer' in message ? String(message.answer) : 'null');
  }
}
