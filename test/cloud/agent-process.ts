import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { record, recordFolder } from '../support/run-record.ts';

/** One line of the agent's log; a line that is not JSON has the level `raw` and stands whole in `msg`. */
export interface LogLine {
  level: string;
  msg: string;
  /** Everything else in it: `camera`, `error` … */
  details: Record<string, unknown>;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface AgentProcessOptions {
  /** What to run: a Node script (the sources by default, the bundle where it is tested), or the artifact's launcher (`.sh`). */
  entry?: string;
  /** Put before the command: `ip netns exec <name>`, say. */
  launcher?: readonly string[];
  /** Written to `<folder>/agent.json` and given with --config. */
  config: unknown;
  folder: string;
  /** Added to a small environment: PATH and HOME only. */
  environment: Record<string, string>;
  onLog?: (line: LogLine) => void;
}

const SOURCES_ENTRY = join(import.meta.dirname, '../../src/main.ts');
/** The agent itself promises 4 s. */
const KILL_AFTER_MS = 6000;

/** The agent as its own process, as it runs on a device. */
export class AgentProcess {
  /** Epoch milliseconds of the spawn. */
  readonly startedAt = Date.now();
  readonly logs: LogLine[] = [];
  readonly exited: Promise<Exit>;
  /** What it wrote to stderr: nothing, unless Node itself complains. */
  stderr = '';
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(line: LogLine) => void>();

  constructor({
    entry = SOURCES_ENTRY,
    launcher = [],
    config,
    folder,
    environment,
    onLog,
  }: AgentProcessOptions) {
    const configPath = join(folder, 'agent.json');
    writeFileSync(configPath, JSON.stringify(config, undefined, 2));
    const { PATH = '', HOME = '' } = process.env;
    const program = entry.endsWith('.sh') ? ['sh', entry] : [process.execPath, entry, 'run'];
    const command = [...launcher, ...program, '--config', configPath];
    this.#child = spawn(command[0] ?? '', command.slice(1), {
      env: { PATH, HOME, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (onLog) this.#listeners.add(onLog);
    const { stdout, stderr } = this.#child;
    if (stdout) createInterface(stdout).on('line', (text) => this.#addLine(text));
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      record(this.#recordName, text);
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        recordFolder(`state-${this.#recordName}`, join(folder, 'state'));
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves with the first line, past or to come, that `matches`; rejects after `timeoutMs` or at the exit. */
  async waitForLog(what: string, matches: (line: LogLine) => boolean, timeoutMs = 10_000): Promise<LogLine> {
    const past = this.logs.find(matches);
    if (past) return past;
    let listener: ((line: LogLine) => void) | undefined;
    let timer: NodeJS.Timeout | undefined;
    const found = new Promise<LogLine>((resolve, reject) => {
      listener = (line) => matches(line) && resolve(line);
      this.#listeners.add(listener);
      const fail = (why: string) =>
        reject(new Error(`no log line "${what}" ${why}; last lines:\n${this.tail()}`));
      timer = setTimeout(() => fail(`within ${timeoutMs} ms`), timeoutMs);
      void this.exited.then(({ code }) => fail(`before the agent exited (${code})`));
    });
    try {
      return await found;
    } finally {
      clearTimeout(timer);
      if (listener) this.#listeners.delete(listener);
    }
  }

  /** Ends it as the nucleus or a terminal would; kills it only where it does not keep its promise. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit & { tookMs: number }> {
    const startedAt = performance.now();
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return { ...exit, tookMs: performance.now() - startedAt };
  }

  /** Its last words, for a failing test. */
  tail(count = 20): string {
    return [...this.logs.slice(-count).map((line) => JSON.stringify(line)), this.stderr].join('\n');
  }

  get #recordName(): string {
    return `agent-${this.startedAt}-${this.pid}`;
  }

  #addLine(text: string): void {
    record(this.#recordName, `${text}\n`);
    const line = parseLine(text);
    this.logs.push(line);
    for (const listener of this.#listeners) listener(line);
  }
}

function parseLine(text: string): LogLine {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line === 'object' && line !== null) {
      const { level, msg, time: _time, ...details }: Record<string, unknown> = { ...line };
      return { level: String(level), msg: String(msg), details };
    }
  } catch {
    // Not JSON: Node's own warnings, say.
  }
  return { level: 'raw', msg: text, details: {} };
}
