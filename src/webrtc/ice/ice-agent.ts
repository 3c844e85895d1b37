import { randomBytes } from 'node:crypto';
import type { Timer } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { IceParameters } from '../sdp.ts';
import type { IceServer } from '../secure-transport.ts';
import { addresseeOf } from './binding.ts';
import type { CandidatePair } from './candidate-pair.ts';
import { formatCandidate, parseCandidate, type Candidate } from './candidate.ts';
import { CheckList } from './check-list.ts';
import { Gathering, type GatheringOptions } from './gathering.ts';
import type { IceBase } from './ice-base.ts';
import type { MdnsResolver } from './mdns.ts';
import { hasIntegrity, isRequest, parseStun, STUN_TYPE, type Endpoint } from './stun.ts';

/** How long a viewer may take to become reachable … */
const CONNECT_TIMEOUT_MS = 30_000;
/** … and until it has shown any sign of life: an offer held back by the service may come from somebody long gone. */
const SILENCE_TIMEOUT_MS = 15_000;
/** Candidates of a restart whose offer has not come yet. */
const MAX_AHEAD = 32;

export interface IceEvents {
  /** A local candidate, as `candidate:…`. */
  onCandidate(candidate: string): void;
  /** DTLS records (RFC 7983: first byte 20–63). */
  onDtls(datagram: Buffer): void;
  /** SRTP and SRTCP (first byte 128–191). */
  onPacket(packet: Buffer): void;
  onConsentExpired(): void;
  /** Servers should be asked anew. */
  onNetworkChange(): void;
}

export interface IceOptions extends GatheringOptions {
  mdns: MdnsResolver;
  random: Random;
}

/** ICE of one viewer (RFC 8445; trickle: RFC 8838; consent: RFC 7675), through restarts and changes of the network. */
export class IceAgent {
  readonly #events: IceEvents;
  readonly #options: IceOptions;
  readonly #gathering: Gathering;
  #current: CheckList;
  /** During a restart: media stays on its pair until the new one is found (RFC 8445 section 9). */
  #previous: CheckList | undefined;
  #selected: CandidatePair | undefined;
  #remoteFragment: string | undefined;
  #ahead: Candidate[] = [];
  /** Runs while a restart may still find its pair. */
  #restarting: Timer | undefined;
  #closed = false;
  #settle = (_error?: Error): void => {};

  constructor(options: IceOptions, events: IceEvents) {
    this.#options = options;
    this.#events = events;
    this.#gathering = new Gathering(options, {
      onBase: (base) => {
        this.#previous?.addBase(base);
        this.#current.addBase(base);
      },
      onBaseLost: (base) => this.#removeBase(base),
      onCandidate: (candidate) => events.onCandidate(this.#format(candidate)),
      onDatagram: (data, port, address, base) => this.#receive(data, port, address, base),
      onNetworkChange: () => events.onNetworkChange(),
    });
    this.#current = this.#createList();
  }

  get parameters(): IceParameters {
    return this.#current.local;
  }

  /** The viewer is there, or was until its restart. */
  get heard(): boolean {
    return this.#current.heard || this.#selected !== undefined || this.#restarting !== undefined;
  }

  get sendErrors(): number {
    return this.#gathering.sendErrors;
  }

  get selected(): CandidatePair | undefined {
    return this.#selected;
  }

  /** All local candidates so far, as `candidate:…` lines of this generation. */
  candidates(): string[] {
    return this.#gathering.candidates().map((candidate) => this.#format(candidate));
  }

  gatherHost(): Promise<void> {
    return this.#gathering.gatherHost();
  }

  gatherServers(servers: readonly IceServer[]): Promise<void> {
    return this.#gathering.gatherServers(servers);
  }

  /** False when the line is no candidate, or there is no room for it. */
  addRemoteCandidate(line: string): boolean {
    const candidate = parseCandidate(line);
    if (!candidate) return false;
    const { usernameFragment } = candidate;
    const isOther = this.#remoteFragment !== undefined && usernameFragment !== this.#remoteFragment;
    if (!isOther || usernameFragment === undefined) return this.#add(candidate);
    if (this.#ahead.length >= MAX_AHEAD) return false;
    this.#ahead.push(candidate);
    return true;
  }

  /**
   * Resolves when a pair works and is nominated.
   * @throws Error after 30 s without one, after 15 s without any sign of the viewer, or when closed.
   */
  connect(remote: IceParameters, remoteIsLite: boolean): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const expired = (afterMs: number, what: string) =>
        this.#settle(new Error(`${what} within ${afterMs / 1_000} s`));
      const timers: Timer[] = [
        clock.after(CONNECT_TIMEOUT_MS, () => expired(CONNECT_TIMEOUT_MS, 'no candidate pair worked')),
        clock.after(SILENCE_TIMEOUT_MS, () => {
          if (!this.#current.heard) expired(SILENCE_TIMEOUT_MS, 'nothing was heard of the viewer');
        }),
      ];
      this.#settle = (error) => {
        for (const timer of timers) timer.cancel();
        if (error) reject(error);
        else resolve();
      };
      this.#start(remote, remoteIsLite);
    });
  }

  /** A new generation with new parameters (RFC 8445 section 9); the pair in use serves until the new one is found. */
  restart(remote: IceParameters, remoteIsLite: boolean): void {
    this.#restarting?.cancel();
    this.#restarting = this.#options.clock.after(CONNECT_TIMEOUT_MS, () => {
      this.#restarting = undefined;
      if (!this.#selected) this.#events.onConsentExpired();
    });
    // A generation that never found its pair does not replace the one that is in use.
    if (this.#previous && !this.#current.selected) {
      this.#current.close();
    } else {
      this.#previous?.close();
      this.#previous = this.#current;
    }
    this.#current = this.#createList();
    for (const base of this.#gathering.bases) this.#current.addBase(base);
    this.#start(remote, remoteIsLite);
  }

  /** Sends one datagram on the pair in use; without one it is lost. */
  send(datagram: Uint8Array): void {
    const pair = this.#selected;
    if (pair) pair.base.send(datagram, pair.remote.port, pair.remote.address);
  }

  /** Asks the peer whether it is there (a connectivity check); `onAnswer` is not called where question or answer is lost. */
  ask(onAnswer: () => void): void {
    (this.#current.selected ? this.#current : this.#previous)?.ask(onAnswer);
  }

  get busy(): boolean {
    return this.#gathering.busy;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#settle(new Error('closed while connecting'));
    this.#restarting?.cancel();
    this.#previous?.close();
    this.#current.close();
    this.#selected = undefined;
    this.#gathering.close();
  }

  #start(remote: IceParameters, remoteIsLite: boolean): void {
    this.#remoteFragment = remote.usernameFragment;
    this.#current.start(remote, remoteIsLite);
    const ahead = this.#ahead;
    this.#ahead = [];
    for (const candidate of ahead)
      if (candidate.usernameFragment === remote.usernameFragment) this.#add(candidate);
  }

  #createList(): CheckList {
    const { clock, random } = this.#options;
    // RFC 8445 section 5.3: at least 24 and 128 bits.
    const local = {
      usernameFragment: randomBytes(6).toString('base64'),
      password: randomBytes(18).toString('base64'),
    };
    const list: CheckList = new CheckList(
      local,
      {
        onSelected: (pair) => this.#select(list, pair),
        onConsentExpired: () => this.#consentExpired(list),
      },
      clock,
      random,
    );
    return list;
  }

  #select(list: CheckList, pair: CandidatePair): void {
    if (list !== this.#current && this.#current.selected) return;
    if (list === this.#current) {
      this.#restarting?.cancel();
      this.#restarting = undefined;
      this.#previous?.close();
      this.#previous = undefined;
    }
    this.#selected = pair;
    this.#settle();
  }

  /** Where the viewer has just asked for another way, the old one ends alone: nothing is sent until the new one is found. */
  #consentExpired(list: CheckList): void {
    if (list !== this.#previous || this.#restarting === undefined) return this.#events.onConsentExpired();
    list.close();
    this.#previous = undefined;
    this.#selected = undefined;
  }

  #add(candidate: Candidate): boolean {
    // ICE over TCP (RFC 6544) is not spoken here: TURN goes through what lets only TCP out.
    if (candidate.transport !== 'udp') return true;
    if (!candidate.address.endsWith('.local')) return this.#current.addRemote(candidate);
    void this.#resolve(candidate, this.#current);
    return true;
  }

  async #resolve(candidate: Candidate, list: CheckList): Promise<void> {
    const address = await this.#options.mdns.resolve(candidate.address);
    if (address !== undefined) list.addRemote({ ...candidate, address });
  }

  #removeBase(base: IceBase): void {
    if (this.#selected?.base === base) this.#selected = undefined;
    this.#previous?.removeBase(base);
    this.#current.removeBase(base);
  }

  #format(candidate: Candidate): string {
    return formatCandidate(candidate, this.parameters.usernameFragment);
  }

  /** Tells packets apart by their first byte (RFC 7983 section 7), before anything parses them. */
  #receive(data: Buffer, port: number, address: string, base: IceBase): void {
    const first = data[0] ?? 255;
    if (first >= 128 && first <= 191) this.#events.onPacket(data);
    else if (first >= 20 && first <= 63) this.#receiveDtls(data, { address, port }, base);
    else if (first <= 3) this.#receiveStun(data, { address, port }, base);
  }

  #receiveDtls(data: Buffer, from: Endpoint, base: IceBase): void {
    if (!this.#selected) this.#current.onData(from, base);
    this.#events.onDtls(data);
  }

  #receiveStun(data: Buffer, from: Endpoint, base: IceBase): void {
    const message = parseStun(data);
    if (!message) return;
    const lists = this.#previous ? [this.#current, this.#previous] : [this.#current];
    if (!isRequest(message)) {
      const isOurs = lists.some((list) => list.onResponse(message, from, base));
      if (!isOurs) this.#gathering.onResponse(message);
      return;
    }
    const addressee = addresseeOf(message);
    const list = lists.find(({ local }) => local.usernameFragment === addressee);
    if (message.type === STUN_TYPE.bindingRequest && list && hasIntegrity(message, list.local.password))
      list.onRequest(message, from, base);
  }
}
