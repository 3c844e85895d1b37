import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { Association } from './association.ts';
import { DataChannel } from './data-channel.ts';
import { PROTOCOL, readControlMessage, writeAck, writeOpen, type ChannelTerms } from './dcep.ts';
import type { Message } from './reassembly.ts';

export interface DataChannelsOptions {
  /** DTLS clients open even streams, servers odd ones (RFC 8832 section 6). */
  dtlsRole: 'client' | 'server';
  localPort: number;
  remotePort: number;
  /** Largest message that we take, and that the peer takes. */
  maxMessageBytes: number;
  remoteMaxMessageBytes: number;
  clock: Clock;
  random: Random;
  send: (packet: Buffer) => void;
  onEstablished?: () => void;
  /** The peer has opened one: the listeners are to be set during the call. */
  onChannel: (channel: DataChannel) => void;
  onClosed: (fault: string | undefined) => void;
}

interface Open {
  channel: DataChannel;
  /** The peer knows of it: until then everything is sent in order (RFC 8832 section 6). */
  isAcknowledged: boolean;
  isClosing: boolean;
  isOwnReset: boolean;
  isPeerReset: boolean;
  isResetAsked: boolean;
}

/** Browsers begin by themselves; who does not is asked after so long. */
const PEER_BEGINS_MS = 1_000;
/** Of all channels of a viewer; beyond it `send` refuses. */
const MAX_MEMORY_BYTES = 1024 * 1024;
const MAX_CHANNELS = 512;
/** RFC 9260 has no empty user message (RFC 8831 section 6.6). */
const EMPTY = Buffer.alloc(1);

/** The data channels of one peer (RFC 8831, RFC 8832). */
export class DataChannels {
  readonly #options: DataChannelsOptions;
  readonly #association: Association;
  readonly #open = new Map<number, Open>();
  readonly #ids = new Map<DataChannel, number>();
  #waiting: DataChannel[] = [];
  #isEstablished = false;
  #begin: Timer | undefined;

  constructor(options: DataChannelsOptions) {
    const { localPort, remotePort, maxMessageBytes, clock, random, send } = options;
    this.#options = options;
    this.#association = new Association({
      localPort,
      remotePort,
      maxMessageBytes,
      clock,
      random,
      send,
      onEstablished: () => this.#established(),
      onMessage: (message) => this.#received(message),
      onReleased: (streamId) => this.#released(streamId),
      onPeerReset: (streamIds) => this.#reset(streamIds, 'isPeerReset'),
      onOwnReset: (streamIds) => this.#reset(streamIds, 'isOwnReset'),
      onClosed: (fault) => this.#closed(fault),
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** DTLS is connected. */
  start(): void {
    this.#begin = this.#options.clock.after(PEER_BEGINS_MS, () => this.#association.connect());
  }

  receive(packet: Buffer): void {
    this.#association.receive(packet);
  }

  /** Opens a channel; what is sent before the peer has answered waits. */
  create(terms: ChannelTerms): DataChannel {
    const channel = new DataChannel(terms, this.#host());
    if (this.#isEstablished) this.#announce(channel);
    else this.#waiting.push(channel);
    return channel;
  }

  close(): void {
    this.#association.abort('closed');
  }

  #host(): ConstructorParameters<typeof DataChannel>[1] {
    return {
      send: (channel, message) => this.#send(channel, message),
      bufferedBytes: (channel) => this.#association.heldBytes(this.#ids.get(channel) ?? -1),
      close: (channel) => this.#close(channel),
    };
  }

  #established(): void {
    this.#isEstablished = true;
    this.#begin?.cancel();
    for (const channel of this.#waiting.splice(0)) this.#announce(channel);
    this.#options.onEstablished?.();
  }

  #announce(channel: DataChannel): void {
    const streamId = this.#freeStream();
    if (streamId === undefined) return channel.onClose();
    this.#add(streamId, channel, false);
    this.#association.send(streamId, PROTOCOL.control, writeOpen(channel.terms), RELIABLE);
  }

  #freeStream(): number | undefined {
    const first = this.#options.dtlsRole === 'client' ? 0 : 1;
    for (let id = first; id < this.#association.streams; id += 2) if (!this.#open.has(id)) return id;
    return undefined;
  }

  #add(streamId: number, channel: DataChannel, isAcknowledged: boolean): void {
    const states = { isClosing: false, isOwnReset: false, isPeerReset: false, isResetAsked: false };
    this.#open.set(streamId, { channel, isAcknowledged, ...states });
    this.#ids.set(channel, streamId);
  }

  #received(message: Message): void {
    const { streamId, protocol, data } = message;
    if (this.#open.get(streamId)?.isPeerReset) this.#association.streamReused(streamId);
    const open = this.#open.get(streamId);
    if (protocol === PROTOCOL.control) return this.#control(streamId, data);
    if (!open || open.isClosing) return;
    open.isAcknowledged = true;
    if (protocol === PROTOCOL.text) open.channel.onMessage(data.toString('utf8'));
    else if (protocol === PROTOCOL.binary) open.channel.onMessage(data);
    else if (protocol === PROTOCOL.emptyText) open.channel.onMessage('');
    else if (protocol === PROTOCOL.emptyBinary) open.channel.onMessage(Buffer.alloc(0));
  }

  #control(streamId: number, data: Buffer): void {
    const message = readControlMessage(data);
    const known = this.#open.get(streamId);
    if (message?.type === 'ack') {
      if (known) known.isAcknowledged = true;
      return;
    }
    if (known) return;
    if (!message || this.#open.size >= MAX_CHANNELS) return this.#association.resetStream(streamId);
    const channel = new DataChannel(message.terms, this.#host());
    this.#add(streamId, channel, true);
    this.#association.send(streamId, PROTOCOL.control, writeAck(), RELIABLE);
    this.#options.onChannel(channel);
  }

  #send(channel: DataChannel, message: string | Uint8Array): boolean {
    const streamId = this.#ids.get(channel);
    const open = streamId === undefined ? undefined : this.#open.get(streamId);
    if (streamId === undefined || !open || open.isClosing) return false;
    const isText = typeof message === 'string';
    const data = Buffer.from(message);
    if (data.length > this.#options.remoteMaxMessageBytes) return false;
    if (this.#association.memoryBytes + data.length > MAX_MEMORY_BYTES) return false;
    const { ordered, maxRetransmits, maxLifetimeMs } = channel.terms;
    const { clock } = this.#options;
    const expiresAtMs = maxLifetimeMs === undefined ? undefined : clock.monotonic() + maxLifetimeMs;
    const options = { ordered: ordered || !open.isAcknowledged, maxRetransmits, expiresAtMs };
    const full = isText ? PROTOCOL.text : PROTOCOL.binary;
    const empty = isText ? PROTOCOL.emptyText : PROTOCOL.emptyBinary;
    if (data.length > 0) this.#association.send(streamId, full, data, options);
    else this.#association.send(streamId, empty, EMPTY, options);
    return true;
  }

  #released(streamId: number): void {
    const open = this.#open.get(streamId);
    if (!open) return;
    if (open.isClosing) this.#endStream(streamId, open);
    else open.channel.onDrain();
  }

  #close(channel: DataChannel): void {
    const streamId = this.#ids.get(channel);
    const open = streamId === undefined ? undefined : this.#open.get(streamId);
    this.#waiting = this.#waiting.filter((waiting) => waiting !== channel);
    if (streamId === undefined || !open || open.isClosing) return;
    open.isClosing = true;
    this.#endStream(streamId, open);
  }

  /** Our direction, once all that was sent has arrived. */
  #endStream(streamId: number, open: Open): void {
    if (open.isResetAsked || this.#association.heldBytes(streamId) > 0) return;
    open.isResetAsked = true;
    this.#association.resetStream(streamId);
  }

  /** A channel is closed when both directions are (RFC 8831 section 6.7). */
  #reset(streamIds: readonly number[], direction: 'isOwnReset' | 'isPeerReset'): void {
    for (const streamId of streamIds) {
      const open = this.#open.get(streamId);
      if (!open) continue;
      open[direction] = true;
      this.#close(open.channel);
      if (open.isOwnReset && open.isPeerReset) this.#remove(streamId, open);
    }
  }

  #remove(streamId: number, { channel }: Open): void {
    this.#open.delete(streamId);
    this.#ids.delete(channel);
    channel.onClose();
  }

  #closed(fault: string | undefined): void {
    this.#begin?.cancel();
    for (const [streamId, open] of this.#open) this.#remove(streamId, open);
    for (const channel of this.#waiting.splice(0)) channel.onClose();
    this.#options.onClosed(fault);
  }
}

const RELIABLE = { ordered: true, maxRetransmits: undefined, expiresAtMs: undefined };
