import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { LocalCloud } from '../local-cloud.ts';
import { throttling } from '../faults.ts';
import { RefusedRequest, type Mishap } from './backend.ts';
import type { Device } from './device.ts';
import { childrenOf, udpPortsOf } from './processes.ts';

const run = promisify(execFile);

const OUTAGE_MS = 20_000;
const STALL_MS = 8000;
const LOSS_MS = 15_000;
const LOSS_PERCENT = 5;
const NFT_TABLE = 'kvs_console_loss';

/** What a person can break from the page. Each mends itself after a while, or is for the agent to mend. */
export class Mishaps {
  readonly #cloud: LocalCloud;
  readonly #device: Device;

  readonly #all: Record<string, Omit<Mishap, 'name'> & { cause: () => Promise<void> }> = {
    'drop-signaling': {
      title: 'Drop signaling',
      text: "Cuts every camera's connection to the signaling service. Pictures go on; the agent is back at once.",
      cause: () => this.#dropSignaling(),
    },
    'cloud-away': {
      title: 'Cloud away, 20 s',
      text: 'Every cloud service is gone. Pictures go on; the agent returns by itself afterwards.',
      cause: () => this.#cloudAway(),
    },
    'expire-credentials': {
      title: 'Expire credentials',
      text: 'Refuses every temporary credential from now on. The agent fetches new ones.',
      cause: () => this.#expireCredentials(),
    },
    throttle: {
      title: 'Throttle',
      text: 'The next four calls are answered 429, and signaling is cut, so that there are such calls.',
      cause: () => this.#throttle(),
    },
    'lose-packets': {
      title: 'Lose 5 % for 15 s',
      text: 'Every twentieth packet of the pictures is lost. Retransmission repairs them. Needs root and nftables.',
      cause: () => this.#losePackets(),
    },
    'stall-camera': {
      title: 'Stall the camera',
      text: 'Stops ffmpeg for 8 s without ending it. The agent notices, starts another, and viewers stay.',
      cause: () => this.#signalCamera('SIGSTOP'),
    },
    'kill-camera': {
      title: 'Kill the camera',
      text: 'Kills ffmpeg. The agent starts another, and viewers stay.',
      cause: () => this.#signalCamera('SIGKILL'),
    },
  };

  constructor(cloud: LocalCloud, device: Device) {
    this.#cloud = cloud;
    this.#device = device;
  }

  list(): Mishap[] {
    return Object.entries(this.#all).map(([name, { title, text }]) => ({ name, title, text }));
  }

  /** Resolves to what was done, once it is; what mends it later goes on. */
  async cause(name: string): Promise<string> {
    const mishap = Object.hasOwn(this.#all, name) ? this.#all[name] : undefined;
    if (!mishap) throw new RefusedRequest(404, `there is no mishap "${name}"`);
    await mishap.cause();
    return mishap.text;
  }

  #dropSignaling(): Promise<void> {
    for (const session of this.#cloud.signaling.allSessions()) session.close();
    return Promise.resolve();
  }

  async #cloudAway(): Promise<void> {
    await this.#cloud.stop();
    later(OUTAGE_MS, () => this.#cloud.start());
  }

  #expireCredentials(): Promise<void> {
    this.#cloud.context.credentials.expireTemporary();
    return this.#dropSignaling();
  }

  #throttle(): Promise<void> {
    for (const operation of ['ConnectAsMaster', 'AssumeRoleWithCertificate'] as const) {
      this.#cloud.faults.add(operation, throttling(2, 1));
    }
    return this.#expireCredentials();
  }

  async #losePackets(): Promise<void> {
    const ports = udpPortsOf(this.#agent());
    if (ports.length === 0) throw new RefusedRequest(409, 'nobody watches: there are no packets to lose');
    const rule = `iifname lo udp sport { ${ports.join(', ')} } numgen random mod 100 < ${LOSS_PERCENT} drop;`;
    const chain = `chain input { type filter hook input priority 0; ${rule} };`;
    try {
      await run('nft', [`table inet ${NFT_TABLE} { ${chain} }`]);
    } catch (error) {
      throw new RefusedRequest(501, `nft cannot do it (root and nftables are needed): ${String(error)}`);
    }
    later(LOSS_MS, () => run('nft', ['delete', 'table', 'inet', NFT_TABLE]));
  }

  #signalCamera(signal: 'SIGSTOP' | 'SIGKILL'): Promise<void> {
    const pids = childrenOf(this.#agent(), 'ffmpeg');
    if (pids.length === 0) throw new RefusedRequest(409, 'no camera is running: nobody watches');
    for (const pid of pids) process.kill(pid, signal);
    if (signal === 'SIGSTOP') later(STALL_MS, () => pids.forEach(resume));
    return Promise.resolve();
  }

  #agent(): number {
    const { pid } = this.#device;
    if (pid === undefined) throw new RefusedRequest(409, 'the agent is not running');
    return pid;
  }
}

/** In the background; does not keep the process alive. What fails has been undone otherwise. */
function later(afterMs: number, work: () => unknown): void {
  const wait = async () => {
    await delay(afterMs, undefined, { ref: false });
    await work();
  };
  void wait().catch(() => undefined);
}

/** The agent has killed it meanwhile, most likely. */
function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // Gone.
  }
}
