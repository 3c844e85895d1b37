import type { NetworkInterfaceInfo } from 'node:os';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { networkInterfaces } from '../../runtime/network-interfaces.ts';

export interface LocalAddress {
  address: string;
  family: 4 | 6;
  interfaceName: string;
}

export interface AddressFilter {
  /** Only these network interfaces; empty: all. */
  interfaces: readonly string[];
  addressFamily: 'any' | 'ipv4' | 'ipv6';
}

/** Sockets a viewer costs at most. */
const MAX_ADDRESSES = 8;
const POLL_MS = 1_000;
/** Interfaces that seldom lead to a viewer come last. */
const VIRTUAL = /^(docker|br-|virbr|veth|vmnet|lxc|cni|tun|tap|utun|wg)/;

/** The addresses that make host candidates: no link-local ones, loopback only where there is nothing else. */
export function selectAddresses(
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
  filter: AddressFilter,
): LocalAddress[] {
  const all = Object.entries(interfaces)
    .filter(([name]) => filter.interfaces.length === 0 || filter.interfaces.includes(name))
    .toSorted(([a], [b]) => Number(VIRTUAL.test(a)) - Number(VIRTUAL.test(b)) || (a < b ? -1 : 1))
    .flatMap(([interfaceName, infos = []]) => infos.map((info) => ({ interfaceName, info })))
    .filter(({ info }) => isWanted(info.family, filter) && !isLinkLocal(info.address));
  const outward = all.filter(({ info }) => !info.internal);
  return (outward.length > 0 ? outward : all).slice(0, MAX_ADDRESSES).map(({ interfaceName, info }) => ({
    address: info.address,
    family: info.family === 'IPv6' ? 6 : 4,
    interfaceName,
  }));
}

function isWanted(family: string, { addressFamily }: AddressFilter): boolean {
  return addressFamily === 'any' || addressFamily === family.toLowerCase();
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('169.254.') || /^fe[89ab]/i.test(address);
}

/**
 * The device's own addresses, and word of every change (another Wi-Fi, LTE instead of Wi-Fi). Node has no event for it: one poll a
 * second serves all listeners, and none runs without.
 */
export class LocalNetwork {
  readonly #filter: AddressFilter;
  readonly #clock: Clock;
  readonly #interfaces: typeof networkInterfaces;
  readonly #listeners = new Set<(addresses: LocalAddress[]) => void>();
  #timer: Timer | undefined;
  #last = '';

  constructor(filter: AddressFilter, clock: Clock, interfaces = networkInterfaces) {
    this.#filter = filter;
    this.#clock = clock;
    this.#interfaces = interfaces;
  }

  addresses(): LocalAddress[] {
    return selectAddresses(this.#interfaces(), this.#filter);
  }

  /** True while the device has this address, whatever the filter says. */
  has(address: string): boolean {
    return Object.values(this.#interfaces()).some((infos) => infos?.some((info) => info.address === address));
  }

  /** Returns what ends it. */
  onChange(listener: (addresses: LocalAddress[]) => void): () => void {
    if (this.#timer === undefined) {
      this.#last = fingerprint(this.addresses());
      this.#timer = this.#clock.every(POLL_MS, () => this.#poll());
    }
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }

  #poll(): void {
    const addresses = this.addresses();
    const now = fingerprint(addresses);
    if (now === this.#last) return;
    this.#last = now;
    for (const listener of this.#listeners) listener(addresses);
  }
}

function fingerprint(addresses: readonly LocalAddress[]): string {
  return addresses
    .map(({ address }) => address)
    .toSorted()
    .join();
}
