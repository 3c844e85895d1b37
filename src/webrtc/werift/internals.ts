import type { Address, Candidate, CandidatePair, Connection, Message, Protocol } from 'werift';

/**
 * The private parts of werift 0.25.2's ICE that the agent reaches into, each with its reason:
 * - `protocols`: the open sockets, to demultiplex packets ourselves and to survive socket errors;
 * - `earlyChecks*`, `checkListState`, `schedulingChecks`, `queryConsent`, `setState`: a connect loop without 20 ms polling;
 * - `ensureProtocol`, `pairLocalProtocol`, `appendLocalCandidate`: relayed candidates that come late are paired too.
 * `test/unit/webrtc/werift-internals.test.ts` fails when one of them moves.
 */
export interface IceInternals {
  protocols: SocketProtocol[];
  earlyChecks: Array<[Message, Address, Protocol]>;
  earlyChecksDone: boolean;
  checkListState: { get(): Promise<number> | number };
  schedulingChecks(): boolean;
  pairRemoteCandidate(candidate: Candidate): void;
  pairLocalProtocol(protocol: Protocol): void;
  appendLocalCandidate(candidate: Candidate): void;
  ensureProtocol(protocol: Protocol): void;
  queryConsent(): void;
  setState(state: string): void;
  sortCheckList(): void;
}

/** A werift UDP protocol with the socket beneath it. */
export interface SocketProtocol extends Protocol {
  transport?: {
    type: string;
    onData: (data: Buffer, address: Address) => void;
    socket?: DatagramSocket;
  };
}

export interface DatagramSocket {
  on(event: 'error', listener: (error: Error) => void): unknown;
  send(data: Uint8Array, port: number, address: string, callback: (error: Error | null) => void): void;
}

export const ICE_INTERNALS: ReadonlyArray<keyof IceInternals> = [
  'protocols',
  'earlyChecks',
  'earlyChecksDone',
  'checkListState',
  'schedulingChecks',
  'pairRemoteCandidate',
  'pairLocalProtocol',
  'appendLocalCandidate',
  'ensureProtocol',
  'queryConsent',
  'setState',
  'sortCheckList',
];

/** The connection's private parts, or undefined when this werift has others: then its public API serves as it is. */
export function iceInternals(connection: object): IceInternals | undefined {
  return hasAll(connection, ICE_INTERNALS) ? connection : undefined;
}

function hasAll(target: object, names: ReadonlyArray<keyof IceInternals>): target is IceInternals {
  return names.every((name) => Reflect.get(target, name) !== undefined);
}

/** The nominated pair's UDP socket, for a send without a promise; undefined for relayed and TCP pairs. */
export function datagramSocket(pair: CandidatePair): DatagramSocket | undefined {
  const protocol: SocketProtocol = pair.protocol;
  return protocol.transport?.type === 'udp' ? protocol.transport.socket : undefined;
}

/** RFC 7675: true while the peer's consent to receive is fresh. */
export function consentIsFresh(connection: Connection): boolean {
  return Reflect.get(connection, 'consentFresh') !== false;
}
