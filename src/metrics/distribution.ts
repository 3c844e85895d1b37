import type { Random } from '../runtime/random.ts';
import type { Unit } from './sample.ts';

/** EMF takes at most 100 values of one metric in a document. */
export const MAX_VALUES = 100;

/**
 * Measured values between two publications: all of them up to a hundred, beyond that an even random choice (reservoir sampling,
 * algorithm R), so that percentiles hold and memory is bounded. `count` and `sum` are of all values ever.
 */
export class Distribution {
  readonly name: string;
  readonly unit: Unit;
  count = 0;
  sum = 0;
  readonly #random: Random;
  #values: number[] = [];
  #since = 0;

  constructor(name: string, unit: Unit, random: Random) {
    this.name = name;
    this.unit = unit;
    this.#random = random;
  }

  /** What is no number is ignored. */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    this.count += 1;
    this.sum += value;
    this.#since += 1;
    if (this.#values.length < MAX_VALUES) this.#values.push(value);
    else {
      const place = Math.floor(this.#random.float() * this.#since);
      if (place < MAX_VALUES) this.#values[place] = value;
    }
  }

  /** The values since the last time. */
  take(): number[] {
    const values = this.#values;
    this.#values = [];
    this.#since = 0;
    return values;
  }
}
