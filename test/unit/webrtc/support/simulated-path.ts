import { candidatePriority, type Candidate } from '../../../../src/webrtc/ice/candidate.ts';
import type { BaseEvents, IceBase } from '../../../../src/webrtc/ice/ice-base.ts';
import type { SimulatedClock } from '../../../support/simulated-clock.ts';

/** A network in memory: datagrams travel by address and port, take their time and may get lost. */
export class SimulatedNetwork {
  readonly clock: SimulatedClock;
  latencyMs = 10;
  /** Decides which datagrams arrive. */
  arrives: (from: Candidate, to: Candidate, data: Buffer) => boolean = () => true;
  sent = 0;
  readonly #bases = new Map<string, SimulatedBase>();

  constructor(clock: SimulatedClock) {
    this.clock = clock;
  }

  base(address: string, port: number, preference = 65_535): SimulatedBase {
    const base = new SimulatedBase(this, address, port, preference);
    this.#bases.set(`${address} ${port}`, base);
    return base;
  }

  deliver(from: SimulatedBase, data: Buffer, port: number, address: string): void {
    this.sent += 1;
    this.clock.after(this.latencyMs, () => {
      const to = this.#bases.get(`${address} ${port}`);
      if (to && this.arrives(from.candidate, to.candidate, data)) to.receive(data, from.candidate);
    });
  }
}

export class SimulatedBase implements IceBase {
  readonly candidate: Candidate;
  readonly localAddress: string;
  readonly sendErrors = 0;
  closed = false;
  preferred: string | undefined;
  readonly #network: SimulatedNetwork;
  #events: BaseEvents | undefined;

  constructor(network: SimulatedNetwork, address: string, port: number, preference: number) {
    this.#network = network;
    this.localAddress = address;
    this.candidate = {
      foundation: '1',
      transport: 'udp',
      priority: candidatePriority('host', preference),
      address,
      port,
      type: 'host',
    };
  }

  listen(events: BaseEvents): void {
    this.#events = events;
  }

  send(datagram: Uint8Array, port: number, address: string): void {
    if (!this.closed) this.#network.deliver(this, Buffer.from(datagram), port, address);
  }

  receive(data: Buffer, from: Candidate): void {
    if (!this.closed) this.#events?.onDatagram(data, from.port, from.address);
  }

  busy(): boolean {
    return false;
  }

  permit(): undefined {
    return undefined;
  }

  prefer(port: number, address: string): void {
    this.preferred = `${address} ${port}`;
  }

  close(): void {
    this.closed = true;
  }
}
