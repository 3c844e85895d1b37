const INITIAL_CAPACITY = 256;

/** The packets that one feedback reports, put in order of arrival. */
export class Arrivals {
  count = 0;
  slots = new Int32Array(INITIAL_CAPACITY);
  atMs = new Float64Array(INITIAL_CAPACITY);

  clear(): void {
    this.count = 0;
  }

  /** Most come in order already. */
  add(slot: number, atMs: number): void {
    if (this.count === this.slots.length) this.#grow();
    let i = this.count++;
    for (; i > 0 && this.atMs[i - 1]! > atMs; i--) {
      this.slots[i] = this.slots[i - 1]!;
      this.atMs[i] = this.atMs[i - 1]!;
    }
    this.slots[i] = slot;
    this.atMs[i] = atMs;
  }

  #grow(): void {
    const slots = new Int32Array(2 * this.slots.length);
    const atMs = new Float64Array(2 * this.atMs.length);
    slots.set(this.slots);
    atMs.set(this.atMs);
    this.slots = slots;
    this.atMs = atMs;
  }
}
