import { spawn, type ChildProcess } from 'node:child_process';
import { descendantsOf, isAlive, signal } from './process-tree.ts';

export interface ScriptProcessOptions {
  script: string;
  environment: Record<string, string>;
  workingDirectory: string;
  /** The user whom the nucleus would run components as; without, this process's own. */
  user?: { uid: number; gid: number };
  onOutput: (text: string) => void;
}

/** One lifecycle script in a shell, with all that it starts. */
export class ScriptProcess {
  /** Exit code; 128 + number where a signal ended it. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;

  constructor({ script, environment, workingDirectory, user, onOutput }: ScriptProcessOptions) {
    // The kernel ends it should this process be killed.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'sh', '-c', script], {
      cwd: workingDirectory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, so that nothing can be left behind.
      detached: true,
      ...user,
    });
    const read = (chunk: Buffer) => onOutput(chunk.toString());
    this.#child.stdout?.on('data', read);
    this.#child.stderr?.on('data', read);
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        onOutput(`${error.message}\n`);
        resolve(127);
      });
      // Not `close`: what a script left behind may hold its output open.
      this.#child.once('exit', (code) => resolve(code ?? 137));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * As the classic nucleus stops a component: SIGTERM to the children first, then to the shell, and SIGKILL to what
   * is left after `timeoutMs`. Resolves to whether anything had to be killed.
   */
  async stop(timeoutMs: number): Promise<boolean> {
    const { pid } = this.#child;
    if (pid === undefined) return false;
    const killed = await this.#stop(pid, timeoutMs);
    // What the shell started just while it was told to end.
    signal(-pid, 'SIGKILL');
    return killed;
  }

  async #stop(pid: number, timeoutMs: number): Promise<boolean> {
    const all = [...descendantsOf(pid), pid];
    for (const each of all) signal(each, 'SIGTERM');
    const deadline = Date.now() + timeoutMs;
    while (all.some(isAlive)) {
      if (Date.now() >= deadline) {
        for (const each of all) signal(each, 'SIGKILL');
        await this.ended;
        return true;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.ended;
    return false;
  }
}
