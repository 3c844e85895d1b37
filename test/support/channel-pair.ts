import { DataChannels } from '../../src/webrtc/sctp/data-channels.ts';
import type { DataChannel } from '../../src/webrtc/sctp/data-channel.ts';
import type { ChannelTerms } from '../../src/webrtc/sctp/dcep.ts';
import { SimulatedClock } from './simulated-clock.ts';

export interface Path {
  latencyMs: number;
  /** Part of the packets that is lost, 0 to 1. */
  loss: number;
  /** Part of the packets that comes late, and is overtaken. */
  reordering: number;
}

export const RELIABLE: Omit<ChannelTerms, 'label'> = {
  protocol: '',
  ordered: true,
  maxRetransmits: undefined,
  maxLifetimeMs: undefined,
};

/** Numbers in [0, 1) that repeat with the seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Two ends of an SCTP association over a simulated path; time passes when told to. */
export class ChannelPair {
  readonly clock = new SimulatedClock();
  readonly path: Path;
  readonly viewer: DataChannels;
  readonly device: DataChannels;
  /** Channels that the other side opened, in order. */
  readonly atDevice: DataChannel[] = [];
  readonly atViewer: DataChannel[] = [];
  readonly faults: Array<string | undefined> = [];
  /** Told of each channel opened from the other side, before anything is received on it. */
  onChannel: (channel: DataChannel) => void = () => {};
  packets = 0;
  readonly #random: () => number;

  constructor(path: Partial<Path> = {}, seed = 1) {
    this.path = { latencyMs: 10, loss: 0, reordering: 0, ...path };
    this.#random = seeded(seed);
    this.viewer = this.#end('client', this.atViewer, (packet) => this.device.receive(packet));
    this.device = this.#end('server', this.atDevice, (packet) => this.viewer.receive(packet));
    this.viewer.start();
    this.device.start();
  }

  /** @throws Error when the condition does not hold within so much simulated time. */
  until(condition: () => boolean, withinMs = 60_000): number {
    const startedAt = this.clock.monotonic();
    while (!condition()) {
      if (this.clock.monotonic() - startedAt > withinMs) throw new Error(`not within ${withinMs} ms`);
      this.clock.advance(1);
    }
    return this.clock.monotonic() - startedAt;
  }

  #end(
    dtlsRole: 'client' | 'server',
    opened: DataChannel[],
    deliver: (packet: Buffer) => void,
  ): DataChannels {
    return new DataChannels({
      dtlsRole,
      localPort: 5000,
      remotePort: 5000,
      maxMessageBytes: 262_144,
      remoteMaxMessageBytes: 262_144,
      clock: this.clock,
      random: { float: this.#random, uint32: () => Math.floor(this.#random() * 2 ** 32) },
      send: (packet) => {
        this.packets += 1;
        if (this.#random() < this.path.loss) return;
        const late = this.#random() < this.path.reordering ? 15 : 0;
        const copy = Buffer.from(packet);
        this.clock.after(this.path.latencyMs + late, () => deliver(copy));
      },
      onChannel: (channel) => {
        opened.push(channel);
        this.onChannel(channel);
      },
      onClosed: (fault) => this.faults.push(fault),
    });
  }
}
