import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { systemClock, type Clock } from '../../../../src/runtime/clock.ts';
import { HostNames } from '../../../../src/runtime/host-names.ts';
import { IceAgent } from '../../../../src/webrtc/ice/ice-agent.ts';
import type { IceServer } from '../../../../src/webrtc/secure-transport.ts';
import { localIce } from '../../../support/local-ice.ts';

export interface EndOptions {
  transportPolicy?: 'all' | 'relay';
  proxy?: string;
  names?: HostNames;
  clock?: Clock;
}

/** One end of a connection, over real sockets: an ICE agent whose candidates are handed over by the test. */
export class IceEnd {
  readonly agent: IceAgent;
  readonly candidates: string[] = [];
  readonly packets: Buffer[] = [];
  networkChanges = 0;
  expiries = 0;
  readonly #events = new EventEmitter();

  constructor(options: EndOptions = {}) {
    const { transportPolicy = 'all', proxy, clock = systemClock, names = new HostNames(clock) } = options;
    this.agent = new IceAgent(localIce({ transportPolicy, proxyFor: () => proxy, names, clock }), {
      onCandidate: (candidate) => {
        this.candidates.push(candidate);
        this.#events.emit('candidate', candidate);
      },
      onDtls: () => {},
      onPacket: (packet) => {
        this.packets.push(Buffer.from(packet));
        this.#events.emit('packet');
      },
      onConsentExpired: () => {
        this.expiries += 1;
        this.#events.emit('expired');
      },
      onNetworkChange: () => {
        this.networkChanges += 1;
        this.#events.emit('change');
      },
    });
  }

  /** Resolves with the first relayed candidate. */
  async relayed(servers: readonly IceServer[]): Promise<string> {
    const gathered = this.agent.gatherServers(servers);
    for (;;) {
      const found = this.candidates.find((candidate) => candidate.includes('typ relay'));
      if (found !== undefined) return found;
      const event = once(this.#events, 'candidate');
      const over = await Promise.race([gathered.then(() => true), event.then(() => false)]);
      const isThere = this.candidates.some((candidate) => candidate.includes('typ relay'));
      if (over && !isThere) throw new Error('no relay was found');
    }
  }

  async packetsReceived(count: number): Promise<void> {
    const signal = AbortSignal.timeout(5_000);
    while (this.packets.length < count) await once(this.#events, 'packet', { signal });
  }

  /** Consent is gone. */
  async expired(): Promise<void> {
    if (this.expiries === 0) await once(this.#events, 'expired', { signal: AbortSignal.timeout(5_000) });
  }

  async networkChanged(): Promise<void> {
    if (this.networkChanges === 0) await once(this.#events, 'change', { signal: AbortSignal.timeout(5_000) });
  }
}

/** Exchanges candidates and connects; `viewer` nominates. */
export async function connectEnds(device: IceEnd, viewer: IceEnd): Promise<void> {
  for (const candidate of device.candidates) viewer.agent.addRemoteCandidate(candidate);
  for (const candidate of viewer.candidates) device.agent.addRemoteCandidate(candidate);
  await Promise.all([
    device.agent.connect(viewer.agent.parameters, false),
    viewer.agent.connect(device.agent.parameters, true),
  ]);
}

/** Each sends the other numbered packets; resolves when all arrived, whole. */
export async function exchangePackets(a: IceEnd, b: IceEnd, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    // RTP's first byte; lengths that are no multiple of four show the padding of streams.
    const packet = Buffer.alloc(900 + (i % 7), i);
    packet[0] = 0x80;
    a.agent.send(packet);
    b.agent.send(packet);
    // In small bursts: the relay's socket buffers are small.
    if (i % 10 === 9) await Promise.all([a.packetsReceived(i + 1), b.packetsReceived(i + 1)]);
  }
  await Promise.all([a.packetsReceived(count), b.packetsReceived(count)]);
  for (const { packets } of [a, b])
    packets.forEach((packet) => {
      const i = packet[1] ?? 0;
      if (packet.length !== 900 + (i % 7)) throw new Error(`packet ${i} has ${packet.length} bytes`);
    });
}
