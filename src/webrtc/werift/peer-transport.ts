import { IceAgent, type IceOptions } from '../ice/ice-agent.ts';
import type { Candidate } from '../ice/candidate.ts';
import type { RemoteTransport } from '../negotiate.ts';
import type {
  IceServer,
  SecureTransport,
  SelectedPair,
  SrtpSessionKeys,
  TransportEnd,
} from '../secure-transport.ts';
import type { Fingerprint, IceParameters } from '../sdp.ts';
import type { DtlsAssociation } from './dtls.ts';
import type { DtlsLoader } from './dtls-loader.ts';

const MAX_EARLY_CANDIDATES = 64;

export interface PeerTransportOptions extends IceOptions {
  /** AES-GCM before AES-CM for SRTP, where the peer has both. */
  preferGcm?: boolean;
}

/** ICE by `IceAgent`, DTLS over it by `DtlsAssociation`. */
export class PeerTransport implements SecureTransport {
  onCandidate: (candidate: string) => void = () => {};
  onPacket: (packet: Buffer) => void = () => {};
  onData: (data: Buffer) => void = () => {};
  onEnd: (end: TransportEnd) => void = () => {};
  onNetworkChange: () => void = () => {};
  iceConnectedAt: number | undefined;
  readonly #options: PeerTransportOptions;
  readonly #ice: IceAgent;
  readonly #loader: DtlsLoader;
  #fingerprint: Fingerprint | undefined;
  #dtls: DtlsAssociation | undefined;
  /** Remote candidates that came before `connect`; undefined afterwards. */
  #early: string[] | undefined = [];
  #closed = false;

  constructor(loader: DtlsLoader, options: PeerTransportOptions) {
    this.#options = options;
    this.#loader = loader;
    this.#ice = new IceAgent(options, {
      onCandidate: (candidate) => this.onCandidate(candidate),
      onDtls: (datagram) => this.#dtls?.receive(datagram),
      onPacket: (packet) => this.onPacket(packet),
      onConsentExpired: () => this.#end('consent-expired'),
      onNetworkChange: () => this.onNetworkChange(),
    });
  }

  get fingerprint(): Fingerprint {
    if (!this.#fingerprint) throw new Error('the fingerprint is known once host candidates are gathered');
    return this.#fingerprint;
  }

  get ice(): IceParameters {
    return this.#ice.parameters;
  }

  get heard(): boolean {
    return this.#ice.heard;
  }

  get sendErrors(): number {
    return this.#ice.sendErrors;
  }

  candidates(): string[] {
    return this.#ice.candidates();
  }

  async gatherHost(): Promise<void> {
    const [dtls] = await Promise.all([this.#loader.load(), this.#ice.gatherHost()]);
    this.#fingerprint = dtls.fingerprint;
    if (this.#closed) return;
    this.#dtls = dtls.associate(
      (datagram) => this.#ice.send(datagram),
      () => this.#end('closed-by-peer'),
      this.#options.preferGcm ?? false,
      (data) => this.onData(data),
    );
  }

  async gatherServers(servers: readonly IceServer[]): Promise<void> {
    await this.#ice.gatherServers(servers);
  }

  addRemoteCandidate(candidate: string): boolean {
    if (!this.#early) return this.#ice.addRemoteCandidate(candidate);
    if (this.#early.length >= MAX_EARLY_CANDIDATES) return false;
    this.#early.push(candidate);
    return true;
  }

  async connect(remote: RemoteTransport, role: 'client' | 'server'): Promise<SrtpSessionKeys> {
    const found = this.#ice.connect(remote.ice, remote.iceLite);
    const early = this.#early ?? [];
    this.#early = undefined;
    this.#addCandidates(remote);
    for (const candidate of early) this.#ice.addRemoteCandidate(candidate);
    await found;
    this.iceConnectedAt = this.#options.clock.monotonic();
    if (!this.#dtls) throw new Error('closed while connecting');
    return this.#dtls.handshake(role, remote.fingerprints, this.#options.clock);
  }

  restart(remote: RemoteTransport): void {
    this.#ice.restart(remote.ice, remote.iceLite);
    this.#addCandidates(remote);
  }

  send(packet: Uint8Array): void {
    this.#ice.send(packet);
  }

  ask(onAnswer: () => void): void {
    this.#ice.ask(onAnswer);
  }

  sendData(data: Buffer): void {
    this.#dtls?.sendData(data);
  }

  busy(): boolean {
    return this.#ice.busy;
  }

  selectedPair(): SelectedPair | undefined {
    const pair = this.#ice.selected;
    if (!pair) return undefined;
    return {
      local: describe(pair.base.candidate),
      remote: describe(pair.remote),
      roundTripTimeMs: pair.roundTripTimeMs,
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#dtls?.close();
    this.#ice.close();
  }

  #addCandidates({ candidates }: RemoteTransport): void {
    for (const candidate of candidates) this.#ice.addRemoteCandidate(`candidate:${candidate}`);
  }

  #end(end: TransportEnd): void {
    if (!this.#closed) this.onEnd(end);
  }
}

function describe({ type, transport, address, port }: Candidate): SelectedPair['local'] {
  return { type, protocol: transport, address, port };
}
