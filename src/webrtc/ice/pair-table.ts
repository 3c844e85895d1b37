import { CandidatePair, canPair, comparePairs } from './candidate-pair.ts';
import { foundation, type Candidate } from './candidate.ts';
import type { IceBase } from './ice-base.ts';
import type { Endpoint } from './stun.ts';

const MAX_REMOTES = 64;
const MAX_PAIRS = 128;

/** The local bases, the remote candidates and their pairs, best first; bounded, whatever a viewer sends. */
export class PairTable {
  pairs: CandidatePair[] = [];
  readonly #bases = new Set<IceBase>();
  readonly #remotes: Candidate[] = [];
  readonly #onPermitted: () => void;

  /** @param onPermitted A relay lets a peer in: its pairs can be checked. */
  constructor(onPermitted: () => void) {
    this.#onPermitted = onPermitted;
  }

  addBase(base: IceBase): void {
    this.#bases.add(base);
    for (const remote of this.#remotes) this.#add(base, remote, true);
  }

  removeBase(base: IceBase): void {
    this.#bases.delete(base);
    this.pairs = this.pairs.filter((pair) => pair.base !== base);
  }

  /** False when there is no room for more. */
  addRemote(candidate: Candidate, searching: boolean): boolean {
    const known = this.#findRemote(candidate);
    if (known) {
      // The network told of it first; what the viewer says of it counts.
      if (known.type === 'prflx') Object.assign(known, candidate);
      this.pairs.sort(comparePairs);
      return true;
    }
    if (this.#remotes.length >= MAX_REMOTES) return false;
    this.#remotes.push(candidate);
    for (const base of this.#bases) this.#add(base, candidate, searching);
    return true;
  }

  /** The pair that a request came on; an address nobody told us of is a peer-reflexive candidate (RFC 8445 section 7.3.1.3). */
  pairOf(base: IceBase, from: Endpoint, priority: Buffer | undefined): CandidatePair | undefined {
    let remote = this.#findRemote(from);
    if (!remote) {
      if (this.#remotes.length >= MAX_REMOTES) return undefined;
      remote = {
        foundation: foundation('prflx', from.address),
        transport: 'udp',
        priority: priority?.length === 4 ? priority.readUInt32BE() : 0,
        address: from.address,
        port: from.port,
        type: 'prflx',
      };
      this.#remotes.push(remote);
    }
    return this.find(base, remote) ?? this.#add(base, remote, true);
  }

  find(base: IceBase, { address, port }: Endpoint): CandidatePair | undefined {
    return this.pairs.find(
      (pair) => pair.base === base && pair.remote.address === address && pair.remote.port === port,
    );
  }

  clear(): void {
    this.pairs = [];
    this.#bases.clear();
  }

  #findRemote({ address, port }: Endpoint): Candidate | undefined {
    return this.#remotes.find((remote) => remote.address === address && remote.port === port);
  }

  #add(base: IceBase, remote: Candidate, searching: boolean): CandidatePair | undefined {
    if (!canPair(base, remote) || this.pairs.length >= MAX_PAIRS) return undefined;
    const pair = new CandidatePair(base, remote, searching);
    this.pairs.push(pair);
    this.pairs.sort(comparePairs);
    const permission = base.permit(remote.address);
    pair.permitted = permission === undefined;
    if (permission) void this.#await(permission, pair);
    return pair;
  }

  async #await(permission: Promise<void>, pair: CandidatePair): Promise<void> {
    try {
      await permission;
      pair.permitted = true;
      this.#onPermitted();
    } catch {
      // The relay refuses this peer, or is gone.
      pair.searching = false;
    }
  }
}
