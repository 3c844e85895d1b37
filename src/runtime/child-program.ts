import { spawn, type ChildProcess } from 'node:child_process';
// Only `process` can signal a process group.
import { kill } from 'node:process';
import { setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Clock, Timer } from './clock.ts';

/** How much of a program's standard error is kept, whatever it prints. */
const LAST_WORDS_LIMIT_BYTES = 4096;
const LAST_WORDS_LINES = 3;
/** Who prints more than is kept at once is heard with such pauses: reading a flood as fast as it comes takes a whole processor. */
const FLOOD_PAUSE_MS = 10;
const LAST_WORDS_CHARS = 400;
/** What ffmpeg says beside what matters: repetitions, and its side of the conversation about gates. */
const CHATTER = /^(Last message repeated|Enter command:|Command reply for stream)/;
/** SIGTERM, then so much later SIGKILL. */
const KILL_AFTER_MS = 1500;

export interface ChildProgramOptions {
  path: string;
  args: readonly string[];
  /** Open a pipe to its standard input. */
  stdin: boolean;
  /** Open a pipe from its standard output. */
  stdout: boolean;
  /** Further pipes from the program: file descriptors 3, 4, … */
  extraPipes: number;
  clock: Clock;
  /** Niceness, 0 to 19: how far it steps back when the processor is short. */
  nice: number;
}

/** How a program ended: `error` when it could not be started. */
export type Ending = { error: Error } | { code: number | null; signal: NodeJS.Signals | null };

/**
 * A running child program. It leads a process group of its own, so that a terminal's Ctrl-C does not end it
 * before us and a wrapper script's children end with it.
 */
export class ChildProgram {
  /** Settles when the program has ended and every pipe is drained; never rejects. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  #stderr: Buffer = Buffer.alloc(0);
  #alive = true;
  #killTimer: Timer | undefined;

  constructor({ path, args, stdin, stdout, extraPipes, nice, clock }: ChildProgramOptions) {
    this.#clock = clock;
    const extra = Array.from({ length: extraPipes }, () => 'pipe' as const);
    this.#child = spawn(path, args, {
      stdio: [stdin ? 'pipe' : 'ignore', stdout ? 'pipe' : 'ignore', 'pipe', ...extra],
      detached: true,
    });
    if (nice > 0 && this.#child.pid !== undefined) setPriority(this.#child.pid, nice);
    const { stderr } = this.#child;
    if (stderr) stderr.on('data', (chunk: Buffer) => this.#hear(chunk, stderr));
    // A write to a program that has just ended is no fault of its own.
    this.#child.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      let failure: Error | undefined;
      this.#child.on('error', (error) => {
        failure = error;
        if (this.#child.pid === undefined) this.#finish(resolve, { error });
      });
      this.#child.on('close', (code, signal) => {
        this.#finish(resolve, failure && code === null ? { error: failure } : { code, signal });
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get stdin(): Writable | null {
    return this.#child.stdin;
  }

  get stdout(): Readable | null {
    return this.#child.stdout;
  }

  /** The pipe behind file descriptor `3 + index`. */
  extraPipe(index: number): Readable {
    const pipe = this.#child.stdio[3 + index];
    if (pipe === null || pipe === undefined || !('read' in pipe)) throw new Error(`no pipe ${3 + index}`);
    return pipe;
  }

  /** Asks the program to end; kills it when it does not. Idempotent; resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.#alive && this.#killTimer === undefined) {
      this.#killTimer = this.#clock.after(KILL_AFTER_MS, () => this.#signal('SIGKILL'));
      this.#signal('SIGTERM');
    }
    await this.ended;
  }

  /** The last lines it printed on standard error, on one line, without `secrets` and user names in URLs. */
  lastWords(secrets: readonly string[]): string {
    const lines = scrub(this.#stderr.toString(), secrets)
      .split(/[\r\n]+/)
      .map((line) => line.replace(/^\[([^\]@]+) @ 0x[0-9a-f]+\]/, '[$1]').trim())
      .filter((line) => line !== '' && !CHATTER.test(line));
    return lines.slice(-LAST_WORDS_LINES).join('; ').slice(-LAST_WORDS_CHARS);
  }

  /** Whatever it prints is read, or the program would block. */
  #hear(chunk: Buffer, stderr: Readable): void {
    const isFlood = chunk.length >= LAST_WORDS_LIMIT_BYTES;
    this.#stderr = (isFlood ? chunk : Buffer.concat([this.#stderr, chunk])).subarray(-LAST_WORDS_LIMIT_BYTES);
    if (!isFlood) return;
    stderr.pause();
    this.#clock.after(FLOOD_PAUSE_MS, () => stderr.resume());
  }

  #finish(resolve: (ending: Ending) => void, ending: Ending): void {
    this.#alive = false;
    this.#killTimer?.cancel();
    resolve(ending);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined || !this.#alive) return;
    try {
      kill(-this.#child.pid, signal);
    } catch {
      // It ended in this very moment.
    }
  }
}

/** Takes passwords out of a text: the given ones, and whatever stands before `@` in a URL. */
export function scrub(text: string, secrets: readonly string[]): string {
  let clean = text.replace(/\/\/[^/@\s]*@/g, '//***@');
  for (const secret of secrets) if (secret !== '') clean = clean.replaceAll(secret, '***');
  return clean;
}

/** An ending in words, e.g. `ended with code 1`. */
export function endingText(ending: Ending): string {
  if ('error' in ending) return `could not be started (${ending.error.message})`;
  return ending.signal === null ? `ended with code ${ending.code}` : `was ended by ${ending.signal}`;
}
