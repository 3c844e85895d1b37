import type { Log } from '../../log.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { HostNames } from '../../runtime/host-names.ts';
import type { IceServer } from '../secure-transport.ts';
import type { Candidate } from './candidate.ts';
import { HostBase } from './host-base.ts';
import type { IceBase } from './ice-base.ts';
import type { LocalAddress, LocalNetwork } from './local-network.ts';
import { ReflexiveQueries } from './reflexive.ts';
import { gatherRelays } from './relay-gathering.ts';
import type { StunMessage } from './stun.ts';

const MAX_LOCAL_PREFERENCE = 65_535;

export interface GatheringOptions {
  /** `relay`: only relayed candidates, so that no viewer learns the device's own addresses. */
  transportPolicy: 'all' | 'relay';
  network: LocalNetwork;
  /** URL of the HTTP proxy for TURN over TCP and TLS to a host; undefined: direct. */
  proxyFor: (host: string) => string | undefined;
  names: HostNames;
  clock: Clock;
  log: Log;
}

export interface GatheringEvents {
  onBase(base: IceBase): void;
  /** Its address or its server is gone; it is closed. */
  onBaseLost(base: IceBase): void;
  /** The candidate of a base, or a server-reflexive one. */
  onCandidate(candidate: Candidate): void;
  onDatagram(data: Buffer, port: number, address: string, base: IceBase): void;
  /** The device has other addresses now, or lost its relay: servers should be asked anew. */
  onNetworkChange(): void;
}

/** Finds and keeps the local candidates of one viewer (RFC 8445 section 5.1): host, server-reflexive, relayed. */
export class Gathering {
  readonly #options: GatheringOptions;
  readonly #events: GatheringEvents;
  readonly #bases = new Set<IceBase>();
  readonly #hosts = new Set<HostBase>();
  /** Local addresses whose socket is about to be open. */
  readonly #opening = new Set<string>();
  #reflexive: Candidate[] = [];
  readonly #queries: ReflexiveQueries;
  readonly #closing = new AbortController();
  #unwatch = (): void => {};
  #sendErrors = 0;

  constructor(options: GatheringOptions, events: GatheringEvents) {
    this.#options = options;
    this.#events = events;
    this.#queries = new ReflexiveQueries(options.clock, options.names);
  }

  get bases(): Iterable<IceBase> {
    return this.#bases;
  }

  /** Of all bases, closed ones too. */
  get sendErrors(): number {
    let errors = this.#sendErrors;
    for (const base of this.#bases) errors += base.sendErrors;
    return errors;
  }

  /** True while memory that was handed to any base may still be read. */
  get busy(): boolean {
    for (const base of this.#bases) if (base.busy()) return true;
    return false;
  }

  /** What viewers may be told, so far. */
  candidates(): Candidate[] {
    return [...[...this.#bases].map(({ candidate }) => candidate), ...this.#reflexive].map((candidate) =>
      this.#shown(candidate),
    );
  }

  /** Opens a socket on each local address; an address that cannot be bound is left out. */
  async gatherHost(): Promise<void> {
    const { network } = this.#options;
    this.#unwatch = network.onChange((addresses) => void this.#networkChanged(addresses));
    await this.#openHosts(network.addresses());
  }

  /** Server-reflexive and, unless there is one already, relayed candidates. Resolves when no more will come; never rejects. */
  async gatherServers(servers: readonly IceServer[]): Promise<void> {
    const { proxyFor, names, clock, log } = this.#options;
    const { signal } = this.#closing;
    const onRelay = (relay: IceBase) => this.#addBase(relay);
    const isRelayed = [...this.#bases].some(({ candidate }) => candidate.type === 'relay');
    await Promise.all([
      isRelayed ? undefined : gatherRelays(servers, { proxyFor, names, clock, log, signal, onRelay }),
      this.#queries.gather([...this.#hosts], servers, (found) => this.#addReflexive(found), signal),
    ]);
  }

  /** True when the response belongs to a query to a STUN server. */
  onResponse(response: StunMessage): boolean {
    return this.#queries.onResponse(response);
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#unwatch();
    for (const base of this.#bases) base.close();
  }

  async #openHosts(addresses: readonly LocalAddress[]): Promise<void> {
    if (this.#options.transportPolicy === 'relay') return;
    const isOpen = (address: string) => [...this.#hosts].some(({ localAddress }) => localAddress === address);
    await Promise.allSettled(
      addresses.map(async (address, i) => {
        if (isOpen(address.address) || this.#opening.has(address.address)) return;
        this.#opening.add(address.address);
        const opened = HostBase.open(address, MAX_LOCAL_PREFERENCE - i);
        const base = await opened.finally(() => this.#opening.delete(address.address));
        if (!this.#closing.signal.aborted) this.#hosts.add(base);
        this.#addBase(base);
      }),
    );
  }

  async #networkChanged(addresses: readonly LocalAddress[]): Promise<void> {
    const { network } = this.#options;
    await this.#openHosts(addresses);
    for (const base of this.#bases) if (!network.has(base.localAddress)) this.#removeBase(base);
    if (!this.#closing.signal.aborted) this.#events.onNetworkChange();
  }

  #addBase(base: IceBase): void {
    if (this.#closing.signal.aborted) return base.close();
    this.#bases.add(base);
    base.listen({
      onDatagram: (data, port, address) => this.#events.onDatagram(data, port, address, base),
      onLost: () => {
        this.#removeBase(base);
        this.#events.onNetworkChange();
      },
    });
    this.#events.onCandidate(this.#shown(base.candidate));
    this.#events.onBase(base);
  }

  #removeBase(base: IceBase): void {
    this.#bases.delete(base);
    for (const host of this.#hosts) if (host === base) this.#hosts.delete(host);
    const { address, port } = base.candidate;
    this.#reflexive = this.#reflexive.filter(
      ({ related }) => related?.address !== address || related.port !== port,
    );
    this.#sendErrors += base.sendErrors;
    base.close();
    this.#events.onBaseLost(base);
  }

  #addReflexive(candidate: Candidate): void {
    const isKnown = this.candidates().some(
      ({ address, port }) => address === candidate.address && port === candidate.port,
    );
    if (isKnown || this.#closing.signal.aborted) return;
    this.#reflexive.push(candidate);
    this.#events.onCandidate(candidate);
  }

  /** A relay's candidate names the address that the server saw: what the policy is to hide (RFC 8828 section 3). */
  #shown(candidate: Candidate): Candidate {
    if (this.#options.transportPolicy === 'all') return candidate;
    return { ...candidate, related: { address: '0.0.0.0', port: 0 } };
  }
}
