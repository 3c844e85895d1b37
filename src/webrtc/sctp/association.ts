import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { readData } from './data-chunk.ts';
import { readInit, writeInit, type Init } from './init.ts';
import { CHUNK, readPacket, writeChunk, writePacket, type Addressing, type Chunk } from './packet.ts';
import type { Message } from './reassembly.ts';
import { RECEIVE_WINDOW_BYTES, SctpReceiver } from './receiver.ts';
import { readForwardTsn, readSack, writeSack } from './sack.ts';
import type { SendOptions } from './send-queue.ts';
import { SctpSender } from './sender.ts';
import { plus } from './serial.ts';
import { StreamReset } from './stream-reset.ts';

/** Of each direction. Browsers have 1,024 as well. */
export const MAX_STREAMS = 1_024;
const REPEAT_MS = 500;
const MAX_REPEATS = 20;
/** RFC 9260 section 8.5.1: an ABORT that reflects our own tag. */
const REFLECTED_TAG = 1;
const USER_ABORT = 12;

export interface AssociationOptions {
  localPort: number;
  remotePort: number;
  maxMessageBytes: number;
  clock: Clock;
  random: Random;
  /** Carries one packet to the peer, or loses it. */
  send: (packet: Buffer) => void;
  onEstablished: () => void;
  onMessage: (message: Message) => void;
  /** Of one stream, less is under way than before. */
  onReleased: (streamId: number) => void;
  onPeerReset: (streamIds: number[]) => void;
  onOwnReset: (streamIds: number[]) => void;
  /** Told once; undefined when the peer ended it in order. */
  onClosed: (fault: string | undefined) => void;
}

interface Established {
  peer: Init;
  sender: SctpSender;
  receiver: SctpReceiver;
  resets: StreamReset;
}

/**
 * An SCTP association (RFC 9260) over DTLS (RFC 8261): one path, and a peer that DTLS has proven, which spares what SCTP does against
 * forgery. Both sides may begin. Nothing waits for the peer at the end: DTLS says goodbye.
 */
export class Association {
  readonly #options: AssociationOptions;
  readonly #local: Init;
  readonly #addressing: Addressing;
  #established: Established | undefined;
  /** The peer knows it, too: what is sent earlier would meet nobody. */
  #isReady = false;
  #closed = false;
  #timer: Timer | undefined;

  constructor(options: AssociationOptions) {
    const { localPort, remotePort, random } = options;
    this.#options = options;
    this.#local = {
      verificationTag: random.uint32() || 1,
      windowBytes: RECEIVE_WINDOW_BYTES,
      outboundStreams: MAX_STREAMS,
      inboundStreams: MAX_STREAMS,
      initialTsn: random.uint32(),
      hasForwardTsn: true,
    };
    this.#addressing = { localPort, remotePort, verificationTag: 0 };
  }

  /** Begins, unless the peer has. */
  connect(): void {
    if (!this.#established) this.#repeat(writeInit(this.#local), MAX_REPEATS, 0);
  }

  receive(datagram: Buffer): void {
    const packet = this.#closed ? undefined : readPacket(datagram, this.#options.localPort);
    if (!packet) return;
    const { verificationTag, chunks } = packet;
    const [first] = chunks;
    if (first?.type === CHUNK.init) {
      if (verificationTag === 0 && chunks.length === 1) this.#onInit(first.body);
      return;
    }
    const isAbort = first?.type === CHUNK.abort && (first.flags & REFLECTED_TAG) !== 0;
    const expected = isAbort ? this.#addressing.verificationTag : this.#local.verificationTag;
    if (verificationTag !== expected) return;
    try {
      this.#onChunks(chunks);
    } catch (error) {
      this.abort(error instanceof Error ? error.message : 'malformed');
    }
  }

  /** Bytes of one stream that are not acknowledged yet. */
  heldBytes(streamId: number): number {
    return this.#established?.sender.heldBytes(streamId) ?? 0;
  }

  /** What all that is not acknowledged yet costs. */
  get memoryBytes(): number {
    return this.#established?.sender.memoryBytes ?? 0;
  }

  /** How many streams there are in both directions; 0 before there is an association. */
  get streams(): number {
    const peer = this.#established?.peer;
    return peer ? Math.min(peer.inboundStreams, MAX_STREAMS) : 0;
  }

  /** @param data Is kept until it is acknowledged; not empty. */
  send(streamId: number, protocol: number, data: Buffer, options: SendOptions): void {
    const { peer, sender } = this.#established ?? {};
    const isUnlimited = peer?.hasForwardTsn !== true;
    const forever = { maxRetransmits: undefined, expiresAtMs: undefined };
    sender?.send(streamId, protocol, data, isUnlimited ? { ...options, ...forever } : options);
  }

  /** Ends our direction of a stream on which nothing is under way any more. */
  resetStream(streamId: number): void {
    this.#established?.resets.reset(streamId);
  }

  /** Something has come on a stream that the peer had ended: it knows that we have, too. */
  streamReused(streamId: number): void {
    this.#established?.resets.reused(streamId);
  }

  /** Tells the peer that it is over. */
  abort(fault: string): void {
    if (this.#closed) return;
    const cause = Buffer.alloc(4);
    cause.writeUInt16BE(USER_ABORT, 0);
    cause.writeUInt16BE(4, 2);
    if (this.#addressing.verificationTag !== 0) this.#send([writeChunk(CHUNK.abort, 0, cause)]);
    this.#close(fault);
  }

  #onChunks(chunks: readonly Chunk[]): void {
    const hasData = chunks.some(({ type }) => type === CHUNK.data);
    if (hasData && this.#established?.receiver.isOverrun) return;
    for (const chunk of chunks) {
      if (this.#closed) return;
      // RFC 9260 section 3.2: what is unknown and has the highest bit is skipped, the rest ends the packet.
      if (!this.#onChunk(chunk) && chunk.type < 128) break;
    }
    if (hasData && !this.#closed) this.#established?.receiver.packetEnded();
  }

  /** False for a type that is not known. */
  #onChunk({ type, flags, body }: Chunk): boolean {
    if (type === CHUNK.initAck) this.#onInitAck(body);
    else if (type === CHUNK.cookieEcho) this.#onCookieEcho(body);
    else if (type === CHUNK.cookieAck) this.#ready();
    else if (type === CHUNK.heartbeat) this.#send([writeChunk(CHUNK.heartbeatAck, 0, body)]);
    else if (type === CHUNK.abort) this.#close('aborted by the peer');
    else if (type === CHUNK.shutdown) this.#send([writeChunk(CHUNK.shutdownAck, 0)]);
    else if (type === CHUNK.shutdownComplete) this.#close(undefined);
    else return this.#onEstablishedChunk({ type, flags, body });
    return true;
  }

  #onEstablishedChunk({ type, flags, body }: Chunk): boolean {
    const { sender, receiver, resets } = this.#established ?? {};
    if (type === CHUNK.data) {
      this.#ready();
      const fragment = readData(flags, body);
      if (fragment && fragment.streamId < MAX_STREAMS) receiver?.onData(fragment);
    } else if (type === CHUNK.sack) {
      const sack = readSack(body);
      if (sack) sender?.onSack(sack);
    } else if (type === CHUNK.forwardTsn) {
      const forward = readForwardTsn(body);
      if (!forward || !receiver) return true;
      const skipped = forward.skipped.filter(([streamId]) => streamId < MAX_STREAMS);
      receiver.onForwardTsn({ ...forward, skipped });
      receiver.packetEnded();
    } else if (type === CHUNK.reconfig) resets?.onChunk(body);
    else return false;
    return true;
  }

  /** The cookie is what the peer told us: DTLS has proven that it is nobody else's (so no signature is needed), and nothing is kept here. */
  #onInit(body: Buffer): void {
    const init = readInit(body);
    if (!init) return;
    const addressing = { ...this.#addressing, verificationTag: init.verificationTag };
    this.#options.send(writePacket(addressing, [writeInit(this.#local, body)]));
  }

  #onInitAck(body: Buffer): void {
    const init = readInit(body);
    if (!init?.cookie || this.#established) return;
    this.#addressing.verificationTag = init.verificationTag;
    this.#establish(init);
    this.#repeat(writeChunk(CHUNK.cookieEcho, 0, init.cookie), MAX_REPEATS, init.verificationTag);
  }

  #onCookieEcho(cookie: Buffer): void {
    const init = readInit(cookie);
    if (!init) return;
    if (this.#established && this.#established.peer.verificationTag !== init.verificationTag)
      return this.#close('the peer began anew');
    this.#addressing.verificationTag = init.verificationTag;
    if (!this.#established) this.#establish(init);
    this.#send([writeChunk(CHUNK.cookieAck, 0)]);
    this.#ready();
  }

  #ready(): void {
    if (this.#isReady || !this.#established) return;
    this.#isReady = true;
    this.#timer?.cancel();
    this.#options.onEstablished();
  }

  #establish(peer: Init): void {
    const { clock, maxMessageBytes, onMessage, onReleased, onPeerReset, onOwnReset } = this.#options;
    const sender = new SctpSender({
      initialTsn: this.#local.initialTsn,
      peerWindowBytes: peer.windowBytes,
      clock,
      onPacket: (chunks) => this.#send(chunks),
      onReleased,
      onDead: () => this.#close('the peer does not acknowledge any more'),
    });
    const receiver: SctpReceiver = new SctpReceiver({
      before: plus(peer.initialTsn, -1),
      maxMessageBytes,
      clock,
      onMessage,
      onSackDue: () => this.#send([writeSack(receiver.sack())]),
    });
    const resets = new StreamReset({
      localTsn: this.#local.initialTsn,
      remoteTsn: peer.initialTsn,
      clock,
      onChunk: (chunk) => this.#send([chunk]),
      lastSentTsn: () => sender.lastTsn,
      lastReceivedTsn: () => receiver.cumulative,
      onPeerReset: (streamIds) => {
        receiver.resetStreams(streamIds);
        onPeerReset(streamIds);
      },
      onOwnReset: (streamIds) => {
        sender.resetStreams(streamIds);
        onOwnReset(streamIds);
      },
    });
    this.#established = { peer, sender, receiver, resets };
  }

  #repeat(chunk: Buffer, left: number, verificationTag: number): void {
    this.#timer?.cancel();
    if (left === 0) return this.#close('the peer does not answer');
    this.#options.send(writePacket({ ...this.#addressing, verificationTag }, [chunk]));
    this.#timer = this.#options.clock.after(REPEAT_MS, () => this.#repeat(chunk, left - 1, verificationTag));
  }

  #send(chunks: Buffer[]): void {
    if (!this.#closed) this.#options.send(writePacket(this.#addressing, chunks));
  }

  #close(fault: string | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    const { sender, receiver, resets } = this.#established ?? {};
    sender?.close();
    receiver?.close();
    resets?.close();
    this.#options.onClosed(fault);
  }
}
