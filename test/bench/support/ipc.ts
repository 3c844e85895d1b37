import { fork, type ChildProcess } from 'node:child_process';

/** In a program that `ChildCalls` runs: answers every request. Ends with the parent. */
export function answerRequests<Request>(handle: (request: Request) => Promise<unknown>): void {
  process.on('message', ({ call, request }: { call: number; request: Request }) => {
    handle(request).then(
      (answer) => process.send?.({ call, answer }),
      (error: unknown) => process.send?.({ call, error: String(error) }),
    );
  });
  // A benchmark that died must not leave its programs behind.
  process.on('disconnect', () => process.exit());
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
