import type { AesCmKeyStream } from './aes-cm-key-stream.ts';

/** Longer packets come in batches of their own, which share one call already. */
export const MAX_AHEAD_BYTES = 256;
const PACKETS = 32;
const MAX_SOURCES = 8;

interface Source {
  /** Of the last packet that was asked for. */
  lastIndex: number;
  /** Prepared: these indices, with so many words each. */
  from: number;
  end: number;
  wordsEach: number;
  words: Uint32Array;
  bytes: Uint8Array;
}

/**
 * The key stream of packets that are yet to come. Sound is sent packet by packet, and what costs in Node is each call of
 * the cipher: one call serves 32 packets in a row of one source.
 */
export class KeyStreamAhead {
  readonly #keyStream: AesCmKeyStream;
  readonly #sources = new Map<number, Source>();
  words: Uint32Array = new Uint32Array(0);
  /** The same. */
  bytes: Uint8Array = new Uint8Array(0);

  constructor(keyStream: AesCmKeyStream) {
    this.#keyStream = keyStream;
  }

  /**
   * Where in `words` the key stream of one packet begins.
   *
   * @param bytes At most `MAX_AHEAD_BYTES`.
   */
  find(ssrc: number, index: number, bytes: number): number {
    const source = this.#source(ssrc);
    const isNext = index === source.lastIndex + 1;
    source.lastIndex = index;
    if (index < source.from || index >= source.end || (bytes + 3) >>> 2 > source.wordsEach)
      this.#prepare(source, ssrc, index, bytes, isNext ? PACKETS : 1);
    this.words = source.words;
    this.bytes = source.bytes;
    return (index - source.from) * source.wordsEach;
  }

  #prepare(source: Source, ssrc: number, index: number, bytes: number, packets: number): void {
    // The next ones may be a little longer.
    const blocks = ((bytes + 15) >>> 4) + (packets > 1 ? 2 : 0);
    for (let i = 0; i < packets; i++) this.#keyStream.add(ssrc, index + i, 16 * blocks);
    const stream = this.#keyStream.take();
    source.words = new Uint32Array(stream.buffer, stream.byteOffset, stream.length >>> 2);
    source.bytes = stream;
    source.wordsEach = 4 * blocks;
    source.from = index;
    source.end = index + packets;
  }

  #source(ssrc: number): Source {
    const known = this.#sources.get(ssrc);
    if (known) return known;
    // A peer that renegotiates without end must not grow it.
    if (this.#sources.size >= MAX_SOURCES) this.#sources.clear();
    const source = { lastIndex: -1, from: 0, end: 0, wordsEach: 0, words: this.words, bytes: this.bytes };
    this.#sources.set(ssrc, source);
    return source;
  }
}
