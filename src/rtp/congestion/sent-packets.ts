/** Packets remembered: more than half a second at 50 Mbps. A power of two that divides 2¹⁶. */
const CAPACITY = 4096;

const UNKNOWN = 0;
const IN_FLIGHT = 1;
const LOST = 2;
const ARRIVED = 3;

/** What feedback changes about one packet: nothing, or it arrived, is missing, or arrived after it was missing. */
export type Receipt = 'known' | 'arrived' | 'missing' | 'found';

/** What was sent, by transport-wide sequence number: parallel arrays, so that a packet costs no object. */
export class SentPackets {
  readonly atMs = new Float64Array(CAPACITY);
  readonly bytes = new Uint16Array(CAPACITY);
  /** Probe that the packet belongs to; 0: none. */
  readonly probe = new Uint8Array(CAPACITY);
  readonly #sequence = new Uint16Array(CAPACITY);
  readonly #state = new Uint8Array(CAPACITY);

  add(sequence: number, bytes: number, atMs: number, probe: number): void {
    const slot = sequence % CAPACITY;
    this.atMs[slot] = atMs;
    this.bytes[slot] = bytes;
    this.probe[slot] = probe;
    this.#sequence[slot] = sequence;
    this.#state[slot] = IN_FLIGHT;
  }

  /** Where the figures of a packet are; they are another's where it is not remembered. */
  slot(sequence: number): number {
    return sequence % CAPACITY;
  }

  /** Takes down what feedback says of a packet. Each packet arrives once; one that was never sent is `known`. */
  report(sequence: number, arrived: boolean): Receipt {
    const slot = sequence % CAPACITY;
    const state = this.#sequence[slot] === sequence ? this.#state[slot]! : UNKNOWN;
    if (state === UNKNOWN || state === ARRIVED || (state === LOST && !arrived)) return 'known';
    this.#state[slot] = arrived ? ARRIVED : LOST;
    if (!arrived) return 'missing';
    return state === LOST ? 'found' : 'arrived';
  }
}
