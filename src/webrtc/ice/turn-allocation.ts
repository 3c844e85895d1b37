import type { Clock, Timer } from '../../runtime/clock.ts';
import { candidatePriority, foundation, type Candidate } from './candidate.ts';
import type { BaseEvents, IceBase } from './ice-base.ts';
import {
  newTransactionId,
  parseStun,
  readXorAddress,
  STUN_ATTRIBUTE,
  STUN_TYPE,
  uint32,
  writeStun,
  xorAddress,
  type Endpoint,
  type StunMessage,
} from './stun.ts';
import type { TurnLink } from './turn-link.ts';
import { TurnError, TurnRequests, type TurnCredentials } from './turn-requests.ts';

const LIFETIME_SECONDS = 600;
/** Permissions last 300 s, channels 600 s (RFC 8656 sections 9 and 12); both are renewed together, with time for a second try. */
const RENEW_PEERS_MS = 120_000;
const RETRY_MS = 15_000;
const UDP_PROTOCOL = 17;
const FIRST_CHANNEL = 0x4000;
const LAST_CHANNEL = 0x4fff;
/** UDP adds no head-of-line blocking; TLS costs the most. */
const LOCAL_PREFERENCE = { udp: 3_000, tcp: 2_000, tls: 1_000 };

interface Channel extends Endpoint {
  number: number;
  bound: boolean;
}

/** An allocation on a TURN server (RFC 8656) as a base of ICE: its relayed candidate, permissions, channels and their renewal. */
export class TurnAllocation implements IceBase {
  readonly candidate: Candidate;
  readonly localAddress: string;
  readonly #link: TurnLink;
  readonly #requests: TurnRequests;
  readonly #clock: Clock;
  readonly #permissions = new Map<string, Promise<void>>();
  readonly #channels = new Map<number, Channel>();
  #preferred: Channel | undefined;
  #events: BaseEvents | undefined;
  #refresh: Timer | undefined;
  readonly #renewal: Timer;
  #closed = false;

  private constructor(
    link: TurnLink,
    requests: TurnRequests,
    clock: Clock,
    relayed: Endpoint,
    mapped: Endpoint,
  ) {
    this.#link = link;
    this.#requests = requests;
    this.#clock = clock;
    this.localAddress = link.localAddress;
    this.candidate = {
      foundation: foundation('relay', link.localAddress, relayed.address),
      transport: 'udp',
      priority: candidatePriority('relay', LOCAL_PREFERENCE[link.transport]),
      ...relayed,
      type: 'relay',
      related: mapped,
    };
    this.#renewal = clock.every(RENEW_PEERS_MS, () => this.#renewPeers());
    link.onMessage = (message) => this.#receive(message);
    // ECONNREFUSED while the server restarts, ENETUNREACH between two networks: requests that go unanswered decide.
    link.onClosed = () => {
      if (link.transport !== 'udp') this.#lost();
    };
  }

  /**
   * Asks for a relayed address; takes the link over, also when it fails.
   * @throws Error when the server refuses or does not answer, or on abort.
   */
  static async create(
    link: TurnLink,
    credentials: TurnCredentials,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<TurnAllocation> {
    const requests = new TurnRequests(link, credentials, clock);
    const giveUp = (): void => requests.close(new Error('given up'));
    signal.addEventListener('abort', giveUp, { once: true });
    link.onMessage = (data) => {
      const message = parseStun(data);
      if (message) requests.onResponse(message);
    };
    link.onClosed = (error) => requests.close(error);
    try {
      const response = await requests.send(STUN_TYPE.allocateRequest, () => [
        [STUN_ATTRIBUTE.requestedTransport, Buffer.from([UDP_PROTOCOL, 0, 0, 0])],
        [STUN_ATTRIBUTE.lifetime, uint32(LIFETIME_SECONDS)],
      ]);
      const { attributes, transactionId } = response;
      const relayed = readXorAddress(attributes.get(STUN_ATTRIBUTE.xorRelayedAddress), transactionId);
      const mapped = readXorAddress(attributes.get(STUN_ATTRIBUTE.xorMappedAddress), transactionId);
      if (!relayed || !mapped) throw new Error('the TURN server granted no address');
      const allocation = new TurnAllocation(link, requests, clock, relayed, mapped);
      allocation.#scheduleRefresh(response);
      return allocation;
    } catch (error) {
      giveUp();
      link.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  get sendErrors(): number {
    return this.#link.sendErrors;
  }

  listen(events: BaseEvents): void {
    this.#events = events;
    if (this.#closed) events.onLost();
  }

  /** All messages are copied into a frame of their own. */
  busy(): boolean {
    return false;
  }

  permit(address: string): Promise<void> {
    let permission = this.#permissions.get(address);
    if (!permission) {
      permission = this.#permit([address]);
      this.#permissions.set(address, permission);
      permission.catch(() => this.#permissions.delete(address));
    }
    return permission;
  }

  /** A channel saves 32 bytes a packet. */
  prefer(port: number, address: string): void {
    const known = [...this.#channels.values()].find(
      (channel) => channel.port === port && channel.address === address,
    );
    const number = FIRST_CHANNEL + this.#channels.size;
    if ((known && known === this.#preferred) || (!known && number > LAST_CHANNEL)) return;
    this.#preferred = known ?? { number, address, port, bound: false };
    // One of before may have run out meanwhile: only the preferred one is renewed.
    this.#preferred.bound = false;
    this.#channels.set(this.#preferred.number, this.#preferred);
    void this.#bind(this.#preferred);
  }

  send(datagram: Uint8Array, port: number, address: string): void {
    const channel = this.#preferred;
    if (channel?.bound && channel.port === port && channel.address === address) {
      const frame = Buffer.allocUnsafe(4 + datagram.length);
      frame.writeUInt16BE(channel.number, 0);
      frame.writeUInt16BE(datagram.length, 2);
      frame.set(datagram, 4);
      this.#link.send(frame);
      return;
    }
    const id = newTransactionId();
    const data = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const indication = writeStun(STUN_TYPE.sendIndication, id, [
      [STUN_ATTRIBUTE.xorPeerAddress, xorAddress({ address, port }, id)],
      [STUN_ATTRIBUTE.data, data],
    ]);
    this.#link.send(indication);
  }

  /** Gives the address back at once: allocations are counted (50 for a channel). */
  close(): void {
    if (this.#closed) return;
    this.#requests.sendOnce(STUN_TYPE.refreshRequest, [[STUN_ATTRIBUTE.lifetime, uint32(0)]]);
    this.#end();
  }

  #end(): void {
    this.#closed = true;
    this.#refresh?.cancel();
    this.#renewal.cancel();
    this.#requests.close(new Error('closed'));
    this.#link.close();
  }

  #lost(): void {
    if (this.#closed) return;
    this.#end();
    this.#events?.onLost();
  }

  #receive(data: Buffer): void {
    if ((data[0]! & 0xf0) === 0x40 && data.length >= 4) {
      const channel = this.#channels.get(data.readUInt16BE(0));
      const end = 4 + data.readUInt16BE(2);
      if (channel && end <= data.length)
        this.#events?.onDatagram(data.subarray(4, end), channel.port, channel.address);
      return;
    }
    const message = parseStun(data);
    if (!message) return;
    if (message.type !== STUN_TYPE.dataIndication) return this.#requests.onResponse(message);
    const peer = readXorAddress(message.attributes.get(STUN_ATTRIBUTE.xorPeerAddress), message.transactionId);
    const payload = message.attributes.get(STUN_ATTRIBUTE.data);
    if (peer && payload) this.#events?.onDatagram(payload, peer.port, peer.address);
  }

  /** Half of the life is left for further tries. */
  #scheduleRefresh({ attributes }: StunMessage): void {
    const lifetime = attributes.get(STUN_ATTRIBUTE.lifetime);
    const seconds = lifetime?.length === 4 ? lifetime.readUInt32BE() : LIFETIME_SECONDS;
    const expiresAtMs = this.#clock.monotonic() + seconds * 1_000;
    this.#refresh = this.#clock.after(seconds * 500, () => void this.#refreshUntil(expiresAtMs));
  }

  async #refreshUntil(expiresAtMs: number): Promise<void> {
    try {
      const lifetime = uint32(LIFETIME_SECONDS);
      const response = await this.#requests.send(STUN_TYPE.refreshRequest, () => [
        [STUN_ATTRIBUTE.lifetime, lifetime],
      ]);
      if (!this.#closed) this.#scheduleRefresh(response);
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof TurnError || this.#clock.monotonic() + RETRY_MS > expiresAtMs) return this.#lost();
      this.#refresh = this.#clock.after(RETRY_MS, () => void this.#refreshUntil(expiresAtMs));
    }
  }

  async #permit(addresses: readonly string[]): Promise<void> {
    await this.#requests.send(STUN_TYPE.createPermissionRequest, (id) =>
      addresses.map(
        (address) => [STUN_ATTRIBUTE.xorPeerAddress, xorAddress({ address, port: 0 }, id)] as const,
      ),
    );
  }

  async #bind(channel: Channel): Promise<void> {
    try {
      await this.#requests.send(STUN_TYPE.channelBindRequest, (id) => [
        [STUN_ATTRIBUTE.channelNumber, Buffer.from([channel.number >> 8, channel.number & 0xff, 0, 0])],
        [STUN_ATTRIBUTE.xorPeerAddress, xorAddress(channel, id)],
      ]);
      channel.bound = true;
    } catch {
      // Send indications go on carrying what channels would.
      channel.bound = false;
    }
  }

  #renewPeers(): void {
    const addresses = [...this.#permissions.keys()];
    // A renewal that fails is repeated with the next; a server that is gone is noticed by consent.
    if (addresses.length > 0) this.#permit(addresses).catch(() => {});
    if (this.#preferred) void this.#bind(this.#preferred);
  }
}
