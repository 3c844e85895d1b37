const UNIT_MS = 64;
const WRAP = 2 ** 24;

/** The reference time of transport-wide feedback: 24 bits of 64 ms, which wrap every twelve days (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1). */
export class ReferenceTime {
  #units: number | undefined;

  /** Milliseconds that go on where the field wraps. */
  unwrap(reference: number): number {
    const before = this.#units ?? reference;
    const step = (((reference - before) % WRAP) + 1.5 * WRAP) % WRAP;
    this.#units = before + step - WRAP / 2;
    return this.#units * UNIT_MS;
  }
}
