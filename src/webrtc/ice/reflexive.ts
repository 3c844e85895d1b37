import { isIP } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { orAborted, pause } from '../../runtime/clock.ts';
import type { HostNames } from '../../runtime/host-names.ts';
import type { IceServer } from '../secure-transport.ts';
import { candidatePriority, foundation, type Candidate } from './candidate.ts';
import type { HostBase } from './host-base.ts';
import { parseServerUri } from './server-uri.ts';
import {
  isSuccess,
  newTransactionId,
  readXorAddress,
  STUN_ATTRIBUTE,
  STUN_TYPE,
  writeStun,
  type Endpoint,
  type StunMessage,
} from './stun.ts';

const RETRY_MS = 100;
const MAX_TRIES = 6;

/** Asks STUN servers for the addresses that they see (RFC 8445 section 5.1.1.2), from the sockets of the host candidates. */
export class ReflexiveQueries {
  readonly #pending = new Map<string, (response: StunMessage) => void>();
  readonly #clock: Clock;
  readonly #names: HostNames;

  constructor(clock: Clock, names: HostNames) {
    this.#clock = clock;
    this.#names = names;
  }

  /** True when the response belongs to one of the queries. */
  onResponse(response: StunMessage): boolean {
    const answer = this.#pending.get(response.transactionId.toString('latin1'));
    answer?.(response);
    return answer !== undefined;
  }

  /** Every server from every socket, all at once; `onCandidate` is told what is new. Never rejects. */
  async gather(
    bases: readonly HostBase[],
    servers: readonly IceServer[],
    onCandidate: (candidate: Candidate) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const uris = servers.flatMap(({ urls }) => urls.flatMap((url) => parseServerUri(url) ?? []));
    const stunServers = uris.filter(({ scheme, transport }) => scheme === 'stun' && transport === 'udp');
    await Promise.all(
      stunServers.map(async ({ host, port }) => {
        const addresses = await this.#addresses(host, signal);
        const queries = bases.flatMap((base) => {
          const address = addresses.find((each) => isIP(each) === base.family);
          return address === undefined ? [] : [this.#ask(base, { address, port }, signal)];
        });
        for (const query of queries) void query.then((candidate) => candidate && onCandidate(candidate));
        await Promise.all(queries);
      }),
    );
  }

  /** No name service: no server-reflexive candidate either. */
  async #addresses(host: string, signal: AbortSignal): Promise<string[]> {
    const found = await orAborted(signal, this.#names.addresses(host)).catch(() => []);
    return (found ?? []).map(({ address }) => address);
  }

  async #ask(base: HostBase, server: Endpoint, signal: AbortSignal): Promise<Candidate | undefined> {
    const transactionId = newTransactionId();
    const id = transactionId.toString('latin1');
    const request = writeStun(STUN_TYPE.bindingRequest, transactionId, []);
    const answered = new AbortController();
    const stop = AbortSignal.any([signal, answered.signal]);
    let mapped: Endpoint | undefined;
    this.#pending.set(id, (response) => {
      if (isSuccess(response))
        mapped = readXorAddress(response.attributes.get(STUN_ATTRIBUTE.xorMappedAddress), transactionId);
      answered.abort();
    });
    for (let tries = 0; tries < MAX_TRIES && !stop.aborted; tries += 1) {
      base.send(request, server.port, server.address);
      await pause(this.#clock, RETRY_MS * 2 ** tries, stop);
    }
    this.#pending.delete(id);
    return mapped && !signal.aborted ? reflexive(base, mapped, server) : undefined;
  }
}

function reflexive({ candidate }: HostBase, mapped: Endpoint, server: Endpoint): Candidate {
  // The preference that the host candidate has among its kind.
  const localPreference = Math.floor((candidate.priority % 2 ** 24) / 2 ** 8);
  return {
    ...mapped,
    foundation: foundation('srflx', candidate.address, server.address),
    transport: 'udp',
    priority: candidatePriority('srflx', localPreference),
    type: 'srflx',
    related: { address: candidate.address, port: candidate.port },
  };
}
