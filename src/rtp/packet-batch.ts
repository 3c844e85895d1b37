/**
 * Most packets that are encrypted at once; bounds work memory and the time before the first one leaves. The key stream of
 * so many is below the size at which malloc turns to the kernel (artifacts/run.sh).
 */
export const MAX_BATCH_PACKETS = 24;

/** Bytes kept free before each packet: SRTP's HMAC writes its inner pad there and hashes both in one call. */
export const HEADROOM_BYTES = 64;

/** Longest authentication tag (GCM). */
export const MAX_TAG_BYTES = 16;

/** Sets whether the memory of earlier packets may be used again. */
export interface MemoryUse {
  /** True while packets handed over earlier may still be read; absent means always. */
  busy?(): boolean;
}

/**
 * Packets of one SSRC with consecutive sequence numbers on their way through SRTP. Headers are written into `block`
 * in the clear; encryption reads the plain payloads from `payloads` (shared by all viewers) and writes them behind
 * the headers. All starts and header lengths are multiples of 4.
 */
export class PacketBatch {
  count = 0;
  /** RTP header with extensions, the same length for all packets. */
  headerBytes = 12;
  ssrc = 0;
  /** SRTP index of the first packet: rollover counter · 2¹⁶ + sequence number. */
  firstIndex = 0;

  block: Buffer;
  words: Uint32Array;
  /** Where each packet starts in `block`. */
  readonly starts = new Int32Array(MAX_BATCH_PACKETS);

  payloads: Buffer;
  payloadWords: Uint32Array;
  readonly payloadStarts = new Int32Array(MAX_BATCH_PACKETS);
  readonly payloadLengths = new Int32Array(MAX_BATCH_PACKETS);

  #used = 0;
  readonly #use: MemoryUse;
  readonly #pieces: Buffer[] = [];
  readonly #padded: Buffer[] = [];

  /** @param blockBytes Memory taken at a time; a batch that needs more gets more. */
  constructor(blockBytes: number, use: MemoryUse) {
    this.#use = use;
    this.block = Buffer.allocUnsafeSlow(blockBytes);
    this.words = wordsOf(this.block);
    this.payloads = this.block;
    this.payloadWords = this.words;
  }

  /**
   * Starts a batch and finds room for it. Memory of earlier batches is used again only when the transport says that
   * all were sent: one block then serves a viewer for good, and stays in the processor's cache.
   */
  begin(packets: number, payloadBytes: number): void {
    this.count = 0;
    const perPacket = HEADROOM_BYTES + this.headerBytes + MAX_TAG_BYTES + 4;
    const bytes = payloadBytes + packets * perPacket;
    if (this.#use.busy?.() === false) this.#used = 0;
    if (this.#used + bytes <= this.block.length) return;
    this.block = Buffer.allocUnsafeSlow(Math.max(bytes, this.block.length));
    this.words = wordsOf(this.block);
    this.#used = 0;
    this.#pieces.length = 0;
    this.#padded.length = 0;
  }

  /** Adds a packet; returns where its header is to be written. */
  add(payloadStart: number, payloadBytes: number): number {
    const start = this.#used + HEADROOM_BYTES;
    const i = this.count;
    this.starts[i] = start;
    this.payloadStarts[i] = payloadStart;
    this.payloadLengths[i] = payloadBytes;
    this.count = i + 1;
    this.#used = (start + this.headerBytes + payloadBytes + MAX_TAG_BYTES + 3) & ~3;
    return start;
  }

  /** The first `bytes` of packet `i`. */
  packet(i: number, bytes: number): Buffer {
    return this.#view(this.#pieces, i, this.starts[i]!, bytes);
  }

  /** The same with the headroom before it. */
  paddedPacket(i: number, bytes: number): Buffer {
    return this.#view(this.#padded, i, this.starts[i]! - HEADROOM_BYTES, bytes + HEADROOM_BYTES);
  }

  /** Most packets are as long as the one that was last in their place: a view is garbage that costs more than its bytes. */
  #view(views: Buffer[], i: number, start: number, bytes: number): Buffer {
    const known = views[i];
    if (known !== undefined && known.byteOffset === start && known.length === bytes) return known;
    return (views[i] = this.block.subarray(start, start + bytes));
  }
}

function wordsOf(block: Buffer): Uint32Array {
  return new Uint32Array(block.buffer, block.byteOffset, block.length >>> 2);
}
