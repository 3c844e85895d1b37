import { Candidate, CandidatePairState, Connection, parseMessage, type CandidatePair } from 'werift';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { SelectedPair } from '../secure-transport.ts';
import type { IceParameters } from '../sdp.ts';
import {
  consentIsFresh,
  datagramSocket,
  iceInternals,
  type IceInternals,
  type SocketProtocol,
} from './internals.ts';

/** RFC 8445 section 14.2: the least time between two new connectivity checks. */
const CHECK_PACING_MS = 5;
/** How long a viewer may take to become reachable. */
const CONNECT_TIMEOUT_MS = 30_000;
/** werift's ICE_COMPLETED. */
const COMPLETED = 1;

export interface IceAgentHandlers {
  onCandidate(candidate: string): void;
  /** DTLS records (RFC 7983: first byte 20–63). */
  onDtls(datagram: Buffer): void;
  /** SRTP and SRTCP (first byte 128–191). */
  onPacket(packet: Buffer): void;
  onConsentExpired(): void;
}

/**
 * ICE over werift's `Connection`, controlled side, with four differences: no public STUN server of its own accord; checks start
 * with the first candidate and completion is an event rather than a 20 ms poll; packets are told apart by their first byte before
 * anything parses them, and binding requests without valid MESSAGE-INTEGRITY are dropped (RFC 8445 section 7.3); a socket error
 * (EPERM, ENETUNREACH) is counted instead of ending the process.
 */
export class IceAgent {
  readonly connection: Connection;
  readonly #handlers: IceAgentHandlers;
  readonly #clock: Clock;
  readonly #internals: IceInternals | undefined;
  readonly #adopted = new Set<SocketProtocol>();
  #checkTimer: Timer | undefined;
  #connecting = false;
  #closed = false;
  #pendingSends = 0;
  sendErrors = 0;
  /** One function for all sends: no closure for each packet. */
  readonly #onSent = (error: Error | null): void => {
    this.#pendingSends -= 1;
    if (error) this.sendErrors += 1;
  };

  constructor(handlers: IceAgentHandlers, clock: Clock) {
    this.#handlers = handlers;
    this.#clock = clock;
    this.connection = new Connection(false, { useIpv4: true, useIpv6: true });
    // werift falls back to a public STUN server where none is configured.
    delete this.connection.stunServer;
    delete this.connection.turnServer;
    this.#internals = iceInternals(this.connection);
    this.connection.onIceCandidate.subscribe((candidate) => this.#localCandidate(candidate));
    this.connection.stateChanged.subscribe((state) => {
      if (state === 'failed' && !this.#closed) this.#handlers.onConsentExpired();
    });
    if (!this.#internals) this.connection.onData.subscribe((data) => this.#dispatch(data));
  }

  get parameters(): IceParameters {
    return { usernameFragment: this.connection.localUsername, password: this.connection.localPassword };
  }

  /** Opens a socket per local address; the candidates are told one by one. */
  async gatherHost(): Promise<void> {
    await this.connection.gatherCandidates();
  }

  /** The open UDP sockets, for server-reflexive requests. */
  sockets(): SocketProtocol[] {
    return [...this.#adopted];
  }

  /** Adds a relayed (or other late) local protocol and pairs it with every known remote candidate. */
  addProtocol(protocol: SocketProtocol, candidate: Candidate): void {
    if (this.#closed || !this.#internals) return;
    this.#internals.ensureProtocol(protocol);
    protocol.onDataReceived.subscribe((data) => this.#dispatch(data));
    protocol.localCandidate = candidate;
    this.#internals.protocols.push(protocol);
    this.#internals.pairLocalProtocol(protocol);
    this.#internals.sortCheckList();
    this.#internals.appendLocalCandidate(candidate);
    this.#startChecks();
  }

  addReflexive(candidate: Candidate): void {
    const known = this.connection.localCandidates.some(
      (local) => local.host === candidate.host && local.port === candidate.port,
    );
    if (!this.#closed && !known) this.#internals?.appendLocalCandidate(candidate);
  }

  setRemote(ice: IceParameters): void {
    this.connection.setRemoteParams({ iceLite: false, ...ice });
  }

  /** False when the line is no candidate. */
  addRemoteCandidate(line: string): boolean {
    const candidate = parseCandidate(line);
    if (!candidate) return false;
    // mDNS names are resolved inside; a name that does not resolve is dropped (RFC 8828 leaves the viewer's own checks).
    void this.connection.addRemoteCandidate(candidate).then(() => this.#startChecks());
    return true;
  }

  /**
   * Resolves when a pair is nominated.
   * @throws Error after 30 s without one.
   */
  async connect(): Promise<void> {
    const internals = this.#internals;
    if (!internals) return this.connection.connect();
    this.#connecting = true;
    for (const candidate of this.connection.remoteCandidates) internals.pairRemoteCandidate(candidate);
    internals.sortCheckList();
    for (const check of internals.earlyChecks) this.connection.checkIncoming(...check);
    internals.earlyChecks = [];
    internals.earlyChecksDone = true;
    this.#startChecks();
    await this.#completed(internals);
    this.#connecting = false;
    this.#checkTimer?.cancel();
    internals.queryConsent();
    internals.setState('connected');
  }

  async #completed(internals: IceInternals): Promise<void> {
    let expired = false;
    const deadline = new Promise<void>((resolve) => {
      this.#deadline = this.#clock.after(CONNECT_TIMEOUT_MS, () => {
        expired = true;
        resolve();
      });
      this.#abandon = resolve;
    });
    // A list whose checks all failed is not the end: more candidates may come until the deadline (RFC 8838 section 8).
    const nominated = (async () => {
      while (!this.#closed && (await internals.checkListState.get()) !== COMPLETED);
    })();
    await Promise.race([nominated, deadline]);
    this.#deadline?.cancel();
    if (this.#closed) throw new Error('closed while connecting');
    if (expired) throw new Error(`no candidate pair worked within ${CONNECT_TIMEOUT_MS / 1000} s`);
  }
  #deadline: Timer | undefined;
  #abandon: () => void = () => {};

  /** Starts waiting checks, one every 5 ms. */
  #startChecks(): void {
    if (!this.#connecting || this.#checkTimer || this.#closed) return;
    const waiting = this.connection.checkList.some(
      ({ state }) => state === CandidatePairState.WAITING || state === CandidatePairState.FROZEN,
    );
    if (!waiting) return;
    this.#internals?.schedulingChecks();
    this.#checkTimer = this.#clock.after(CHECK_PACING_MS, () => {
      this.#checkTimer = undefined;
      this.#startChecks();
    });
  }

  #localCandidate(candidate: Candidate): void {
    for (const protocol of this.#internals?.protocols ?? []) this.#adopt(protocol);
    if (!this.#closed) this.#handlers.onCandidate(`candidate:${candidate.toSdp()}`);
  }

  /** Puts our demultiplexer between a UDP socket and werift. */
  #adopt(protocol: SocketProtocol): void {
    const transport = protocol.transport;
    if (this.#adopted.has(protocol) || transport?.type !== 'udp' || !transport.socket) return;
    this.#adopted.add(protocol);
    transport.socket.on('error', () => {
      this.sendErrors += 1;
    });
    const stun = transport.onData;
    transport.onData = (data, address) => {
      if (!this.#dispatch(data) && this.#isAuthentic(data)) stun(data, address);
    };
  }

  /** True when the datagram was DTLS, SRTP or SRTCP (RFC 7983 section 7). */
  #dispatch(data: Buffer): boolean {
    const first = data[0] ?? 0;
    if (first >= 128 && first <= 191) this.#handlers.onPacket(data);
    else if (first >= 20 && first <= 63) this.#handlers.onDtls(data);
    else return false;
    return true;
  }

  /** Binding requests must prove knowledge of our password; answers are checked by their transaction. */
  #isAuthentic(data: Buffer): boolean {
    const isRequest = data.length >= 20 && (data.readUInt16BE(0) & 0x0110) === 0;
    return !isRequest || parseMessage(data, Buffer.from(this.connection.localPassword)) !== undefined;
  }

  send(packet: Uint8Array): void {
    const pair = this.connection.nominated;
    if (!pair || this.#closed || !consentIsFresh(this.connection)) return;
    this.#pendingSends += 1;
    const socket = datagramSocket(pair);
    if (socket) {
      const [host, port] = pair.remoteAddr;
      socket.send(packet, port, host, this.#onSent);
      return;
    }
    const buffer = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
    pair.protocol.sendData(buffer, pair.remoteAddr).then(() => this.#onSent(null), this.#onSent);
  }

  /** True while a packet handed over may still be read: dgram looks up even literal addresses in a later tick. */
  get busy(): boolean {
    return this.#pendingSends > 0;
  }

  selectedPair(): SelectedPair | undefined {
    const pair = this.connection.nominated;
    return (
      pair && {
        local: describe(pair.localCandidate),
        remote: describe(pair.remoteCandidate),
        roundTripTimeMs: roundTrip(pair),
      }
    );
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#checkTimer?.cancel();
    this.#deadline?.cancel();
    this.#abandon();
    await this.connection.close();
  }
}

function roundTrip(pair: CandidatePair): number | undefined {
  return pair.rtt === undefined ? undefined : pair.rtt * 1000;
}

function describe(candidate: Candidate): SelectedPair['local'] {
  return {
    type: candidate.type,
    protocol: candidate.transport,
    address: candidate.host,
    port: candidate.port,
  };
}

function parseCandidate(line: string): Candidate | undefined {
  if (!line.startsWith('candidate:') || line.length > 1024) return undefined;
  try {
    return Candidate.fromSdp(line.slice('candidate:'.length));
  } catch {
    return undefined;
  }
}
