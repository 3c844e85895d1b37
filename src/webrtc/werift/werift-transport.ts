import type { RTCCertificate } from 'werift';
import type { Clock } from '../../runtime/clock.ts';
import type { RemoteTransport } from '../negotiate.ts';
import type {
  IceServer,
  SecureTransport,
  SelectedPair,
  SrtpSessionKeys,
  TransportEnd,
} from '../secure-transport.ts';
import type { Fingerprint, IceParameters } from '../sdp.ts';
import { certificateFingerprint, DtlsAssociation } from './dtls.ts';
import { IceAgent } from './ice-agent.ts';
import { gatherReflexive, gatherRelay } from './ice-servers.ts';

const MAX_EARLY_CANDIDATES = 64;

/** ICE and DTLS by werift, with the differences that `IceAgent` and `DtlsAssociation` describe. */
export class WeriftTransport implements SecureTransport {
  readonly fingerprint: Fingerprint;
  onCandidate: (candidate: string) => void = () => {};
  onPacket: (packet: Buffer) => void = () => {};
  onEnd: (end: TransportEnd) => void = () => {};
  iceConnectedAt: number | undefined;
  readonly #clock: Clock;
  readonly #agent: IceAgent;
  readonly #dtls: DtlsAssociation;
  #gathering: string[] | undefined;
  /** Remote candidates that came before `connect`; undefined afterwards. */
  #early: string[] | undefined = [];
  #closed = false;

  constructor(certificate: RTCCertificate, clock: Clock) {
    this.#clock = clock;
    this.fingerprint = certificateFingerprint(certificate);
    this.#agent = new IceAgent(
      {
        onCandidate: (candidate) =>
          this.#gathering ? this.#gathering.push(candidate) : this.onCandidate(candidate),
        onDtls: (datagram) => this.#dtls.receive(datagram),
        onPacket: (packet) => this.onPacket(packet),
        onConsentExpired: () => this.#end('consent-expired'),
      },
      clock,
    );
    this.#dtls = new DtlsAssociation(
      certificate,
      (datagram) => this.#agent.send(datagram),
      () => this.#end('closed-by-peer'),
    );
  }

  get ice(): IceParameters {
    return this.#agent.parameters;
  }

  get sendErrors(): number {
    return this.#agent.sendErrors;
  }

  async gatherHost(): Promise<string[]> {
    const candidates: string[] = [];
    this.#gathering = candidates;
    await this.#agent.gatherHost();
    this.#gathering = undefined;
    return candidates;
  }

  async gatherServers(servers: readonly IceServer[]): Promise<void> {
    await Promise.allSettled([gatherReflexive(this.#agent, servers), gatherRelay(this.#agent, servers)]);
  }

  addRemoteCandidate(candidate: string): boolean {
    if (!this.#early) return this.#agent.addRemoteCandidate(candidate);
    if (this.#early.length < MAX_EARLY_CANDIDATES) this.#early.push(candidate);
    return true;
  }

  async connect(remote: RemoteTransport, role: 'client' | 'server'): Promise<SrtpSessionKeys> {
    this.#agent.setRemote(remote.ice);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const candidate of [...remote.candidates.map((line) => `candidate:${line}`), ...early])
      this.#agent.addRemoteCandidate(candidate);
    await this.#agent.connect();
    this.iceConnectedAt = this.#clock.monotonic();
    return this.#dtls.handshake(role, remote.fingerprints, this.#clock);
  }

  send(packet: Uint8Array): void {
    this.#agent.send(packet);
  }

  busy(): boolean {
    return this.#agent.busy;
  }

  selectedPair(): SelectedPair | undefined {
    return this.#agent.selectedPair();
  }

  #end(end: TransportEnd): void {
    if (!this.#closed) this.onEnd(end);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#dtls.close();
    await this.#agent.close();
  }
}
