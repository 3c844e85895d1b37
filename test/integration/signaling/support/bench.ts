import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { startLocalCloud, type LocalCloud } from '../../../cloud/local-cloud.ts';
import type { SignalingSession } from '../../../cloud/signaling-session.ts';
import { connect, type SignalingClient } from '../../cloud/support/signaling-client.ts';
import { Master, type MasterOptions } from './master.ts';

/** A local cloud with masters and viewers that end with their test. */
class Bench {
  #cloud: LocalCloud | undefined;
  #masters: Master[] = [];
  #viewers: SignalingClient[] = [];
  #channels = 0;

  get cloud(): LocalCloud {
    assert.ok(this.#cloud);
    return this.#cloud;
  }

  async start(): Promise<void> {
    this.#cloud = await startLocalCloud();
    this.cloud.trust();
  }

  async endTest(): Promise<void> {
    await Promise.all(this.#viewers.map((client) => client.close()));
    await Promise.all(this.#masters.map((running) => running.stop()));
    this.#masters = [];
    this.#viewers = [];
    this.cloud.faults.clear();
    this.cloud.limits.clockOffsetMs = 0;
  }

  /** A master on a channel of its own, not yet started. */
  master(options: Partial<MasterOptions> = {}): Master {
    const channelName = `channel-${(this.#channels += 1)}`;
    this.cloud.createChannel(channelName);
    const created = new Master(this.cloud, { channelName, ...options });
    this.#masters.push(created);
    return created;
  }

  async connectedMaster(options: Partial<MasterOptions> = {}): Promise<Master> {
    const started = this.master(options).start();
    await started.connected();
    return started;
  }

  async viewer({ channel }: Master, clientId = 'viewer-1'): Promise<SignalingClient> {
    const client = connect(this.cloud, 'VIEWER', { channelName: channel.channelName, clientId });
    this.#viewers.push(client);
    return client.opened();
  }

  /** Another master on the same channel, not yet open. */
  rival({ channel }: Master): SignalingClient {
    const client = connect(this.cloud, 'MASTER', { channelName: channel.channelName });
    this.#viewers.push(client);
    return client;
  }

  /** The service's end of the master's connection. */
  session({ channel }: Master): SignalingSession {
    const found = this.cloud.signaling.master(channel.channelName);
    assert.ok(found);
    return found;
  }

  /** How often the master has connected. */
  connects({ channel }: Master): number {
    return this.cloud.events.count('connected', { role: 'MASTER', channelName: channel.channelName });
  }
}

export function offer(client: SignalingClient, sdp: string): void {
  client.send('SDP_OFFER', { type: 'offer', sdp });
}

/** Starts and ends with the tests of the file that calls it. */
export function useBench(): Bench {
  const bench = new Bench();
  before(() => bench.start());
  afterEach(() => bench.endTest());
  after(() => bench.cloud.close());
  return bench;
}
