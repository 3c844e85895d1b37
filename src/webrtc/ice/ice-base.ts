import type { Candidate } from './candidate.ts';

/**
 * Where an agent's datagrams leave from and arrive at (RFC 8445 section 4, "base"): the UDP socket of a host candidate or the
 * allocation of a relayed one.
 */
export interface IceBase {
  readonly candidate: Candidate;
  /** The address of this device that it lives on: when that goes, so does the base. */
  readonly localAddress: string;
  /** Sends one datagram; failures are counted. */
  send(datagram: Uint8Array, port: number, address: string): void;
  /** True while memory handed to `send` may still be read. */
  busy(): boolean;
  readonly sendErrors: number;
  listen(events: BaseEvents): void;
  /** Lets datagrams of this peer in (a relay's permission); undefined where nothing is needed. Rejects where it is refused. */
  permit(address: string): Promise<void> | undefined;
  /** The pair with this peer is in use: a relay may save overhead. */
  prefer(port: number, address: string): void;
  close(): void;
}

/** What a base is given to report to. */
export interface BaseEvents {
  onDatagram(data: Buffer, port: number, address: string): void;
  /** It ended by itself and carries nothing any more. */
  onLost(): void;
}
