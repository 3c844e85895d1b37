import { systemRandom } from '../../../../src/runtime/random.ts';
import { checkRequest } from '../../../../src/webrtc/ice/binding.ts';
import type { CandidatePair } from '../../../../src/webrtc/ice/candidate-pair.ts';
import { CheckList } from '../../../../src/webrtc/ice/check-list.ts';
import { hasIntegrity, isRequest, newTransactionId, parseStun } from '../../../../src/webrtc/ice/stun.ts';
import type { SimulatedBase, SimulatedNetwork } from './simulated-path.ts';

/** A check list with simulated bases, as one end of a path. */
export class IcePeer {
  readonly list: CheckList;
  readonly bases: SimulatedBase[] = [];
  selections: CandidatePair[] = [];
  expiredAtMs: number | undefined;
  readonly network: SimulatedNetwork;

  constructor(name: string, network: SimulatedNetwork) {
    this.network = network;
    const local = { usernameFragment: name, password: `password-of-${name}-0000` };
    const events = {
      onSelected: (pair: CandidatePair) => void this.selections.push(pair),
      onConsentExpired: () => {
        this.expiredAtMs = network.clock.monotonic();
      },
    };
    this.list = new CheckList(local, events, network.clock, systemRandom);
  }

  add(base: SimulatedBase): SimulatedBase {
    this.bases.push(base);
    base.listen({
      onDatagram: (data, port, address) => {
        const message = parseStun(data);
        if (!message) return;
        const from = { address, port };
        if (!isRequest(message)) this.list.onResponse(message, from, base);
        else if (hasIntegrity(message, this.list.local.password)) this.list.onRequest(message, from, base);
      },
      onLost: () => {},
    });
    this.list.addBase(base);
    return base;
  }

  /** Tells the other end of all our candidates. */
  signalTo(other: IcePeer): void {
    for (const { candidate } of this.bases) other.list.addRemote({ ...candidate });
  }

  get selectedRemote(): string | undefined {
    return this.list.selected?.remote.address;
  }
}

/** A viewer's request as a browser sends it, from any address. */
export function nominate(from: SimulatedBase, ours: IcePeer, viewer: IcePeer, to: SimulatedBase): void {
  const role = { controlling: true, tieBreaker: Buffer.alloc(8, 0xff) };
  const request = checkRequest(
    newTransactionId(),
    viewer.list.local,
    ours.list.local,
    from.candidate,
    role,
    true,
  );
  from.send(request, to.candidate.port, to.candidate.address);
}
