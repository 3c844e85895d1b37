import { EventEmitter, once } from 'node:events';
import type { Agent } from 'node:https';
import { systemClock } from '../../../../src/runtime/clock.ts';
import type { Random } from '../../../../src/runtime/random.ts';
import { supervise } from '../../../../src/runtime/supervise.ts';
import type { Log } from '../../../../src/log.ts';
import { AwsControlPlane } from '../../../../src/signaling/aws-control-plane.ts';
import { SignalingChannel } from '../../../../src/signaling/channel.ts';
import { ClockSkew } from '../../../../src/signaling/clock-skew.ts';
import type { CredentialsProvider } from '../../../../src/signaling/control-plane.ts';
import type { IceCandidate } from '../../../../src/signaling/messages.ts';
import { Signaling } from '../../../../src/signaling/signaling.ts';
import type { SignalingHandler, SignalingStatus } from '../../../../src/signaling/signaling-status.ts';
import { socketOpener } from '../../../../src/signaling/web-socket.ts';
import type { StoredCredentials } from '../../../cloud/credentials-store.ts';
import type { LocalCloud } from '../../../cloud/local-cloud.ts';

export interface MasterOptions {
  channelName: string;
  stateDirectory?: string;
  createChannel?: boolean;
  withStorage?: boolean;
  sessionLifetimeMs?: number;
  pingIntervalMs?: number;
  agent?: Agent;
  onOffer?: (clientId: string, sdp: string) => void;
}

/** Jitter at its small end: tests are about order, not about waiting. */
const impatient: Random = { float: () => 0.01, uint32: () => Math.floor(Math.random() * 2 ** 32) };
const secrets = new Set<string>();
const output: string[] = [];

/** Role credentials, renewed when refused. */
class RoleCredentials implements CredentialsProvider {
  readonly #cloud: LocalCloud;
  #current: StoredCredentials | undefined;
  renewals = 0;

  constructor(cloud: LocalCloud) {
    this.#cloud = cloud;
  }

  async get(): Promise<StoredCredentials> {
    if (this.#current === undefined) {
      const { credentials, limits } = this.#cloud.context;
      this.#current = credentials.addTemporary(Date.now() + limits.clockOffsetMs + limits.credentialsMs);
      this.renewals += 1;
      const { secretAccessKey, sessionToken = '' } = this.#current;
      for (const secret of [secretAccessKey, sessionToken]) {
        secrets.add(secret).add(encodeURIComponent(secret));
      }
    }
    return this.#current;
  }

  invalidate(): void {
    this.#current = undefined;
  }
}

function record(details: object, message: string): void {
  output.push(JSON.stringify({ ...details, message }));
}

/** Log lines with what they tell; kept for the search for secrets. */
const log: Log = { debug: record, info: record, warn: record, error: record, child: () => log };

/** The agent's signaling on one channel of the local cloud, as the agent wires it. */
export class Master extends EventEmitter<{ offer: []; candidate: []; status: []; failed: [] }> {
  readonly credentials: RoleCredentials;
  readonly skew = new ClockSkew(systemClock);
  readonly controlPlane: AwsControlPlane;
  readonly channel: SignalingChannel;
  readonly signaling: Signaling;
  readonly offers: { clientId: string; sdp: string }[] = [];
  readonly candidates: { clientId: string; candidate: IceCandidate }[] = [];
  readonly sendFailures: { clientId: string; reason: string }[] = [];
  readonly states: SignalingStatus[] = [];
  readonly failures: unknown[] = [];
  readonly durations: string[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(cloud: LocalCloud, options: MasterOptions) {
    super();
    const { channelName, agent, onOffer, ...settings } = options;
    this.credentials = new RoleCredentials(cloud);
    const shared = {
      region: cloud.context.region,
      credentials: this.credentials,
      skew: this.skew,
      clock: systemClock,
      random: impatient,
      log,
      onDuration: (name: string) => void this.durations.push(name),
    };
    const endpoint = cloud.controlEndpoint;
    this.controlPlane = new AwsControlPlane({ ...shared, endpoint, ...(agent ? { agent } : {}) });
    const { controlPlane } = this;
    this.channel = new SignalingChannel({ ...shared, ...settings, channelName, endpoint, controlPlane });
    const { channel } = this;
    const openSocket = socketOpener(agent);
    const handler = this.#handler(onOffer);
    this.signaling = new Signaling({ ...shared, ...settings, channel, handler, openSocket });
  }

  /** Under supervision, as the agent runs it. */
  start(): this {
    const onFailure = (error: unknown) => {
      this.failures.push(error);
      output.push(String(error));
      this.emit('failed');
    };
    const options = {
      name: 'signaling',
      clock: systemClock,
      random: impatient,
      log,
      onFailure,
    };
    this.#running = supervise((signal) => this.signaling.run(signal), this.#stop.signal, options);
    return this;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.controlPlane.close();
    await this.#running;
  }

  /** Resolves once `condition` holds; looked at whenever something happens. */
  async until(
    event: 'offer' | 'candidate' | 'status' | 'failed',
    condition: () => boolean,
    timeoutMs = 10_000,
  ): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (!condition()) await once(this, event, { signal });
  }

  connected(): Promise<void> {
    return this.until('status', () => this.signaling.status.connected);
  }

  #handler(onOffer: (clientId: string, sdp: string) => void = () => undefined): SignalingHandler {
    return {
      onOffer: (clientId, sdp) => {
        this.offers.push({ clientId, sdp });
        this.emit('offer');
        onOffer(clientId, sdp);
      },
      onCandidate: (clientId, candidate) => {
        this.candidates.push({ clientId, candidate });
        this.emit('candidate');
      },
      onSendFailed: (clientId, reason) => {
        this.sendFailures.push({ clientId, reason });
        this.emit('failed');
      },
      onStatus: (status) => {
        this.states.push(status);
        output.push(JSON.stringify(status));
        this.emit('status');
      },
    };
  }
}

/** Secrets of all masters so far that are found in anything they logged, reported or failed with. */
export function leakedSecrets(): string[] {
  const everything = output.join('\n');
  return [...secrets].filter((secret) => everything.includes(secret));
}

/** How many lines `leakedSecrets` looked through. */
export function outputLines(): number {
  return output.length;
}
