import type { AgentProcess } from '../agent-process.ts';
import type { ConsoleEvent, DeviceUsage } from './backend.ts';
import { usageOf } from './processes.ts';

/** The agent as a process of this machine, as far as the console shows it. */
export class Device {
  #pid: number | undefined;

  /** Process id of the agent; undefined while there is none. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Follows an agent until it ends, and tells of that. */
  follow(agent: AgentProcess, tell: (event: ConsoleEvent) => void): void {
    this.#pid = agent.pid;
    void this.#ended(agent, tell);
  }

  async #ended(agent: AgentProcess, tell: (event: ConsoleEvent) => void): Promise<void> {
    const { code, signal } = await agent.exited;
    this.#pid = undefined;
    tell({ kind: 'device', at: Date.now(), text: `the agent has ended (${signal ?? `exit code ${code}`})` });
  }

  usage(): DeviceUsage | undefined {
    if (this.#pid === undefined) return undefined;
    const { childrenCpuMs, ...own } = usageOf(this.#pid);
    return { pid: this.#pid, atMs: performance.now(), captureCpuMs: childrenCpuMs, ...own };
  }
}
