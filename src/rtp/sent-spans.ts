import type { MediaStream } from './media-stream.ts';

/** Spans remembered by one viewer: at least 1024 frames, or slices of frames where they are paced. */
const CAPACITY = 1024;
/** Feedback comes within some hundred milliseconds. */
const RECENT = 128;

/** What a sequence number of one viewer stands for. */
export interface SentPacket {
  stream: MediaStream;
  frameIndex: number;
  /** Index of the payload in the frame. */
  payload: number;
  timestamp: number;
  transportSequence: number;
}

/**
 * Which part of which frame went out under which sequence numbers. One entry a run of packets, in parallel arrays: a
 * packet costs nothing, and the payloads themselves stay in the stream's history.
 */
export class SentSpans {
  readonly #firstIndex = new Float64Array(CAPACITY);
  readonly #packets = new Uint16Array(CAPACITY);
  readonly #frameIndex = new Int32Array(CAPACITY);
  readonly #firstPayload = new Uint16Array(CAPACITY);
  readonly #timestamp = new Uint32Array(CAPACITY);
  readonly #transportSequence = new Uint16Array(CAPACITY);
  readonly #streams: MediaStream[] = [];
  /** Spans ever added; the last CAPACITY of them are kept. */
  #added = 0;
  readonly #found: SentPacket;

  constructor(stream: MediaStream) {
    this.#found = { stream, frameIndex: 0, payload: 0, timestamp: 0, transportSequence: 0 };
  }

  /** Records `packets` packets, the first with the extended sequence number `index`; indices only ever grow. */
  add(index: number, packets: number, sent: SentPacket): void {
    if (this.#extend(index, packets, sent)) return;
    const slot = this.#added % CAPACITY;
    this.#firstIndex[slot] = index;
    this.#packets[slot] = packets;
    this.#frameIndex[slot] = sent.frameIndex;
    this.#firstPayload[slot] = sent.payload;
    this.#timestamp[slot] = sent.timestamp;
    this.#transportSequence[slot] = sent.transportSequence;
    this.#streams[slot] = sent.stream;
    this.#added += 1;
  }

  /** What went out under the extended sequence number `index`, valid until the next call; undefined where forgotten. */
  find(index: number): Readonly<SentPacket> | undefined {
    const oldest = Math.max(0, this.#added - CAPACITY);
    let low = oldest;
    let high = this.#added;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firstIndex[middle % CAPACITY]! <= index) low = middle + 1;
      else high = middle;
    }
    if (low === oldest) return undefined;
    const slot = (low - 1) % CAPACITY;
    const offset = index - this.#firstIndex[slot]!;
    if (offset >= this.#packets[slot]!) return undefined;
    const found = this.#found;
    found.stream = this.#streams[slot]!;
    found.frameIndex = this.#frameIndex[slot]!;
    found.payload = this.#firstPayload[slot]! + offset;
    found.timestamp = this.#timestamp[slot]!;
    found.transportSequence = (this.#transportSequence[slot]! + offset) & 0xffff;
    return found;
  }

  /** Extended sequence number of what was sent last under this transport-wide sequence number; undefined where it was not of late. */
  indexOf(transportSequence: number): number | undefined {
    const oldest = Math.max(0, this.#added - RECENT);
    const first = this.#transportSequence[oldest % CAPACITY]!;
    const last = (this.#added - 1) % CAPACITY;
    const sent = (this.#transportSequence[last]! + this.#packets[last]! - first) & 0xffff;
    // Peers may ask for anything, and often.
    if (this.#added === 0 || ((transportSequence - first) & 0xffff) >= sent) return undefined;
    for (let i = this.#added - 1; i >= oldest; i--) {
      const slot = i % CAPACITY;
      const offset = (transportSequence - this.#transportSequence[slot]!) & 0xffff;
      if (offset < this.#packets[slot]!) return this.#firstIndex[slot]! + offset;
    }
    return undefined;
  }

  /** Lengthens the last span where the packets continue it in every respect. */
  #extend(index: number, packets: number, sent: SentPacket): boolean {
    if (this.#added === 0) return false;
    const slot = (this.#added - 1) % CAPACITY;
    const before = this.#packets[slot]!;
    if (
      this.#frameIndex[slot] !== sent.frameIndex ||
      this.#streams[slot] !== sent.stream ||
      this.#firstIndex[slot]! + before !== index ||
      this.#firstPayload[slot]! + before !== sent.payload ||
      this.#timestamp[slot] !== sent.timestamp ||
      ((this.#transportSequence[slot]! + before) & 0xffff) !== sent.transportSequence
    ) {
      return false;
    }
    this.#packets[slot] = before + packets;
    return true;
  }
}
