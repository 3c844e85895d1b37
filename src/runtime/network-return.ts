import { aborted, type Clock } from './clock.ts';
import { networkInterfaces } from './network-interfaces.ts';

const POLL_MS = 1_000;

/**
 * Word of this device's own network coming back: an address that was not there before (a cable, Wi-Fi, LTE). It says nothing of
 * outages beyond the device, so a fleet that loses its cloud does not hear it all at once. Node has no event for it.
 */
export class NetworkReturn {
  readonly #clock: Clock;
  readonly #interfaces: typeof networkInterfaces;
  #known: ReadonlySet<string> = new Set();
  #next = new AbortController();

  constructor(clock: Clock, interfaces = networkInterfaces) {
    this.#clock = clock;
    this.#interfaces = interfaces;
  }

  /** Aborts at the next return. For supervising what needs the network. */
  readonly next = (): AbortSignal => this.#next.signal;

  /** Resolves on abort. */
  async run(signal: AbortSignal): Promise<void> {
    this.#known = this.#addresses();
    const timer = this.#clock.every(POLL_MS, () => this.#poll());
    await aborted(signal);
    timer.cancel();
  }

  #poll(): void {
    const addresses = this.#addresses();
    const isBack = [...addresses].some((address) => !this.#known.has(address));
    this.#known = addresses;
    if (!isBack) return;
    const due = this.#next;
    // Whoever is woken asks for the one after.
    this.#next = new AbortController();
    due.abort();
  }

  #addresses(): ReadonlySet<string> {
    const infos = Object.values(this.#interfaces()).flatMap((each) => each ?? []);
    return new Set(infos.filter(({ internal }) => !internal).map(({ address }) => address));
  }
}
