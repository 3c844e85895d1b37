import { record } from '../../support/run-record.ts';
import { ScriptProcess } from './component-process.ts';
import type { ReportedState } from './lifecycle-service.ts';
import {
  interpolate,
  type Personality,
  type Phase,
  type Recipe,
  type RecipeVariables,
  type Script,
} from './recipe.ts';

export type ComponentState =
  'NEW' | 'INSTALLED' | 'STARTING' | 'RUNNING' | 'ERRORED' | 'BROKEN' | 'STOPPING' | 'FINISHED';

export interface ComponentRunnerOptions {
  recipe: Recipe;
  personality: Personality;
  /** Asked before each script: tokens and configuration change. */
  variables: () => RecipeVariables;
  environment: () => Record<string, string>;
  user?: { uid: number; gid: number };
  /** Between an error and the next attempt; lite (systemd) 1 s, classic at once. */
  restartDelayMs?: number;
  /** SIGTERM to SIGKILL. */
  stopTimeoutMs?: number;
}

/** https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html#recipe-lifecycle */
const MAX_ERRORS = 3;
const ERROR_WINDOW_MS = 3_600_000;
const STOP_TIMEOUT_MS = 5000;
const OUTPUT_KEPT = 200_000;

/** Takes one component through its lifecycle as the nucleus would: restarts it after errors, until it is BROKEN. */
export class ComponentRunner {
  /** Every state, in order. */
  readonly history: ComponentState[] = [];
  /** Exit codes of `startup` and `run`. */
  readonly exitCodes: number[] = [];
  readonly #options: ComponentRunnerOptions;
  readonly #listeners = new Set<() => void>();
  readonly #stopping = Promise.withResolvers<'stop'>();
  #state: ComponentState = 'NEW';
  #process: ScriptProcess | undefined;
  #errorsAt: number[] = [];
  #ended: Promise<void> | undefined;
  #output = '';

  constructor(options: ComponentRunnerOptions) {
    this.#options = options;
  }

  get state(): ComponentState {
    return this.#state;
  }

  /** What the scripts printed, the newest part. */
  get output(): string {
    return this.#output;
  }

  /** Of the shell that runs the present script. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    this.#ended ??= this.#live();
  }

  /** UpdateState over IPC. On lite ERRORED changes nothing. */
  report(state: ReportedState): void {
    if (state === 'RUNNING' && this.#state === 'STARTING') this.#enter('RUNNING');
    if (state === 'ERRORED' && this.#options.personality === 'classic') {
      void this.#process?.stop(this.#options.stopTimeoutMs ?? STOP_TIMEOUT_MS);
    }
  }

  /** Resolves to whether something had to be killed. */
  async stop(): Promise<boolean> {
    if (!this.#ended || this.#state === 'BROKEN' || this.#state === 'FINISHED') return false;
    this.#enter('STOPPING');
    this.#stopping.resolve('stop');
    const { recipe, personality, stopTimeoutMs = STOP_TIMEOUT_MS } = this.#options;
    const running = this.#process;
    const { shutdown } = recipe.scripts;
    if (shutdown && personality === 'classic') await this.#execute('shutdown', shutdown.timeoutMs);
    const killed = (await running?.stop(stopTimeoutMs)) ?? false;
    await this.#ended;
    this.#enter('FINISHED');
    return killed;
  }

  /** Resolves when `isReached` of this runner holds, now or later. */
  async until(isReached: (runner: ComponentRunner) => boolean, timeoutMs = 10_000): Promise<void> {
    if (isReached(this)) return;
    await new Promise<void>((resolve, reject) => {
      const check = () => {
        if (!isReached(this)) return;
        clearTimeout(timer);
        this.#listeners.delete(check);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#listeners.delete(check);
        reject(new Error(`still ${this.#state} after ${timeoutMs} ms; output: ${this.#output.slice(-2000)}`));
      }, timeoutMs);
      this.#listeners.add(check);
    });
  }

  async #live(): Promise<void> {
    const { scripts } = this.#options.recipe;
    this.#enter('NEW');
    if (scripts.install && !(await this.#install(scripts.install.timeoutMs))) return;
    if (this.#isStopping) return;
    this.#enter('INSTALLED');
    const phase = scripts.startup ? 'startup' : 'run';
    if (!scripts[phase]) return this.#enter('FINISHED');
    while (!this.#isStopping) {
      this.#enter('STARTING');
      const code = await this.#execute(phase, 0, () => phase === 'run' && this.#enter('RUNNING'));
      this.exitCodes.push(code);
      if (this.#isStopping) return;
      if (code === 0 && phase === 'run') return this.#enter('FINISHED');
      // A startup script that has ended leaves its services behind.
      if (code === 0) {
        this.#enter('RUNNING');
        await this.#stopping.promise;
      } else if (!(await this.#errored())) return;
    }
  }

  async #install(timeoutMs: number): Promise<boolean> {
    while (!this.#isStopping) {
      if ((await this.#execute('install', timeoutMs)) === 0) return true;
      if (!(await this.#errored())) return false;
    }
    return false;
  }

  /** Whether there is another attempt. */
  async #errored(): Promise<boolean> {
    if (this.#isStopping) return false;
    this.#enter('ERRORED');
    const now = Date.now();
    this.#errorsAt = [...this.#errorsAt.filter((at) => now - at < ERROR_WINDOW_MS), now];
    if (this.#errorsAt.length >= MAX_ERRORS) {
      this.#enter('BROKEN');
      return false;
    }
    const { restartDelayMs = this.#options.personality === 'lite' ? 1000 : 0 } = this.#options;
    const delay = new Promise((resolve) => setTimeout(resolve, restartDelayMs).unref());
    await Promise.race([delay, this.#stopping.promise]);
    return !this.#isStopping;
  }

  async #execute(phase: Phase, timeoutMs: number, onStarted?: () => void): Promise<number> {
    const { recipe, personality, variables, environment, user } = this.#options;
    const script = recipe.scripts[phase];
    if (!script) return 0;
    const values = variables();
    let replaced: ReturnType<typeof replaceVariables>;
    try {
      replaced = replaceVariables(script, values, personality);
    } catch (error) {
      this.#print(`${String(error)}\n`);
      return 1;
    }
    const child = new ScriptProcess({
      script: replaced.script,
      environment: { ...environment(), ...replaced.own },
      workingDirectory: values.workPath,
      ...(user && !script.requiresPrivilege ? { user } : {}),
      onOutput: (text) => this.#print(text),
    });
    if (phase !== 'shutdown') this.#process = child;
    onStarted?.();
    const timer =
      timeoutMs > 0 ? setTimeout(() => void child.stop(STOP_TIMEOUT_MS), timeoutMs).unref() : undefined;
    const code = await child.ended;
    clearTimeout(timer);
    return code;
  }

  get #isStopping(): boolean {
    return this.#state === 'STOPPING';
  }

  #enter(state: ComponentState): void {
    this.#state = state;
    this.history.push(state);
    this.#tell();
  }

  #print(text: string): void {
    record(`components-${process.pid}`, text);
    this.#output = (this.#output + text).slice(-OUTPUT_KEPT);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function replaceVariables(script: Script, values: RecipeVariables, personality: Personality) {
  const replace = (text: string) => interpolate(text, values, personality);
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(script.environment)) own[name] = replace(value);
  return { script: replace(script.text), own };
}
