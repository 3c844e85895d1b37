import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSite, type Site, type SiteOptions } from '../../cloud/site.ts';
import { connect } from '../../integration/cloud/support/signaling-client.ts';
import type { LoopDelay } from './probe.ts';

export interface AgentSiteOptions extends SiteOptions {
  /** The processor that the agent and its ffmpeg are bound to. */
  cpu?: number;
  /** Watch the event loop: costs 200 timers a second. */
  probe?: boolean;
}

const ANSWER_TIMEOUT_MS = 10_000;

/** The agent at work against a local cloud, for viewers that only need an answer to their offer. */
export class AgentSite {
  readonly site: Site;
  readonly startedInMs: number;
  readonly #probeFile: string;
  #viewers = 0;

  private constructor(site: Site, startedInMs: number, probeFile: string) {
    this.site = site;
    this.startedInMs = startedInMs;
    this.#probeFile = probeFile;
  }

  static async start({ cpu, probe, ...options }: AgentSiteOptions): Promise<AgentSite> {
    const probeFile = join(import.meta.dirname, `../../output/probe-${process.pid}-${Date.now()}.json`);
    // The artifact's launcher would put it where the bench is started.
    const state = mkdtempSync(join(tmpdir(), 'kvs-agent-state-'));
    process.once('exit', () => rmSync(state, { recursive: true, force: true }));
    const environment = {
      KVS_STATE_DIRECTORY: state,
      ...options.environment,
      ...(probe && probeEnvironment(probeFile)),
    };
    const site = await startSite({ ...options, environment });
    // A benchmark that died must not leave its agent behind.
    const { pid } = site.agent;
    const end = () => process.kill(pid);
    process.once('exit', end);
    void site.agent.exited.then(() => process.off('exit', end));
    const startedInMs = await site.masterConnected();
    if (cpu !== undefined) bindTo(site.agent.pid, cpu);
    return new AgentSite(site, startedInMs, probeFile);
  }

  get pid(): number {
    return this.site.agent.pid;
  }

  /** Sends an offer as one more viewer of a camera through signaling, and leaves it with the answer. */
  async answer(camera: string, offer: string): Promise<string> {
    const clientId = `bench-${(this.#viewers += 1)}`;
    const channelName = this.site.channelOf(camera);
    const client = await connect(this.site.cloud, 'VIEWER', { channelName, clientId }).opened();
    try {
      client.send('SDP_OFFER', { type: 'offer', sdp: offer });
      for (;;) {
        const answer = client.frames.find(({ messageType }) => messageType === 'SDP_ANSWER');
        if (answer) return sdpOf(answer.payload);
        await once(client.socket, 'frame', { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
      }
    } finally {
      await client.close();
    }
  }

  /** Delays of the agent's event loop since the last call; only with `probe`. */
  loopDelay(): Promise<LoopDelay> {
    return readProbe(this.pid, this.#probeFile);
  }

  close(): Promise<void> {
    return this.site.close();
  }
}

function sdpOf(payload: unknown): string {
  if (typeof payload === 'object' && payload !== null && 'sdp' in payload) return String(payload.sdp);
  throw new Error(`not an answer: ${JSON.stringify(payload)}`);
}

/** With all its threads; programs that it starts later inherit it. */
export function bindTo(pid: number, cpu: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(cpu), String(pid)], { stdio: 'ignore' });
}

/** Makes a Node process watch its event loop; see probe.ts. */
export function probeEnvironment(file: string): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=file://${join(import.meta.dirname, 'probe.ts')}`,
    KVS_PROBE_FILE: file,
  };
}

/** Asks a process with the probe. */
export async function readProbe(pid: number, file: string): Promise<LoopDelay> {
  rmSync(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  const until = performance.now() + 5000;
  while (!existsSync(file)) {
    if (performance.now() > until) throw new Error(`process ${pid} has no event loop probe`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const figures: LoopDelay = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(file);
  return figures;
}
