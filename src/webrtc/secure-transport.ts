import type { PacketTransport } from '../rtp/packet-output.ts';
import type { SrtpKeys } from '../rtp/srtp-keys.ts';
import type { Fingerprint, IceParameters } from './sdp.ts';
import type { RemoteTransport } from './negotiate.ts';

export interface IceServer {
  /** RFC 7064/7065 URIs: `stun:…`, `turn:…?transport=udp`, `turns:…?transport=tcp`. */
  urls: string[];
  username?: string;
  /** TURN password; never logged. */
  credential?: string;
}

/** What DTLS-SRTP (RFC 5764) agreed on, for both directions. */
export interface SrtpSessionKeys {
  local: SrtpKeys;
  remote: SrtpKeys;
}

/** The candidate pair in use, for status and statistics. */
export interface SelectedPair {
  local: { type: string; protocol: string; address: string; port: number };
  remote: { type: string; protocol: string; address: string; port: number };
  roundTripTimeMs: number | undefined;
}

/** Why a transport ended by itself. */
export type TransportEnd = 'closed-by-peer' | 'consent-expired';

/**
 * ICE and DTLS of one peer (RFC 8445, 8838, 7675, 5763), without any media knowledge.
 * Order of use: `gatherHost`, then `connect`; everything else at any time. `close` ends all of it.
 */
export interface SecureTransport extends PacketTransport {
  /** Changed by `restart`. */
  readonly ice: IceParameters;
  readonly fingerprint: Fingerprint;
  /** Opens the sockets; takes milliseconds. */
  gatherHost(): Promise<void>;
  /** Adds server-reflexive and relayed candidates; each is told to `onCandidate` as it comes. Never rejects. */
  gatherServers(servers: readonly IceServer[]): Promise<void>;
  /** All local candidates so far, as `candidate:…` lines. */
  candidates(): string[];
  onCandidate: (candidate: string) => void;
  /** The device's addresses changed or its relay is gone: `gatherServers` may find new ways. */
  onNetworkChange: () => void;
  /** A trickled remote candidate (`candidate:…`); false when it is malformed or there is no room for it. */
  addRemoteCandidate(candidate: string): boolean;
  /**
   * ICE, then DTLS. Resolves with the SRTP keys.
   * @throws Error when either fails or takes too long.
   */
  connect(remote: RemoteTransport, role: 'client' | 'server'): Promise<SrtpSessionKeys>;
  /** ICE restart (RFC 8445 section 9): new `ice` parameters; DTLS and what is sent go on. */
  restart(remote: RemoteTransport): void;
  /** The peer has shown that it is there. */
  readonly heard: boolean;
  /** Milliseconds (monotonic) at which ICE found a pair; undefined before. */
  readonly iceConnectedAt: number | undefined;
  /** Sends one SRTP or SRTCP packet on the selected pair; errors are counted, never thrown. */
  send(packet: Uint8Array): void;
  /** Asks the peer for an answer, behind what was sent (a connectivity check); `onAnswer` is not called where one of them is lost. */
  ask(onAnswer: () => void): void;
  /** True while a packet handed over earlier may still be read. */
  busy(): boolean;
  readonly sendErrors: number;
  /** Every SRTP and SRTCP packet that comes in (RFC 7983: first byte 128–191). */
  onPacket: (packet: Buffer) => void;
  /** Sends one packet as DTLS application data (RFC 8261); errors are counted, never thrown. */
  sendData(data: Buffer): void;
  /** Application data of the peer. */
  onData: (data: Buffer) => void;
  onEnd: (end: TransportEnd) => void;
  selectedPair(): SelectedPair | undefined;
  /** Says goodbye to the peer and closes every socket. */
  close(): void;
}
