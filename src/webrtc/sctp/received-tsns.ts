import type { Sack } from './sack.ts';
import { isAfter, plus } from './serial.ts';

/** Which TSNs have arrived: all up to one, and ranges beyond it. */
export class ReceivedTsns {
  cumulative: number;
  /** First and last of each, ascending, none adjacent to another. */
  readonly #ranges: Array<[number, number]> = [];

  /** @param before The TSN before the first to come. */
  constructor(before: number) {
    this.cumulative = before;
  }

  has(tsn: number): boolean {
    if (!isAfter(tsn, this.cumulative)) return true;
    return this.#ranges.some(([first, last]) => !isAfter(first, tsn) && !isAfter(tsn, last));
  }

  /** For one that has not arrived before. */
  add(tsn: number): void {
    if (this.#ranges.length === 0 && tsn === plus(this.cumulative, 1)) {
      this.cumulative = tsn;
      return;
    }
    let index = this.#ranges.length;
    while (index > 0 && isAfter(this.#ranges[index - 1]![0], tsn)) index -= 1;
    const before = this.#ranges[index - 1];
    const behind = this.#ranges[index];
    const joinsBefore = before !== undefined && plus(before[1], 1) === tsn;
    const joinsBehind = behind !== undefined && plus(tsn, 1) === behind[0];
    if (joinsBefore && joinsBehind) {
      before[1] = behind[1];
      this.#ranges.splice(index, 1);
    } else if (joinsBefore) before[1] = tsn;
    else if (joinsBehind) behind[0] = tsn;
    else this.#ranges.splice(index, 0, [tsn, tsn]);
    this.#advance();
  }

  /** Everything up to `tsn` counts as arrived. */
  forward(tsn: number): void {
    if (!isAfter(tsn, this.cumulative)) return;
    this.cumulative = tsn;
    this.#advance();
  }

  gaps(): Sack['gaps'] {
    return this.#ranges.map(([first, last]) => [
      (first - this.cumulative) >>> 0,
      (last - this.cumulative) >>> 0,
    ]);
  }

  get rangeCount(): number {
    return this.#ranges.length;
  }

  #advance(): void {
    for (let first = this.#ranges[0]; first; first = this.#ranges[0]) {
      if (isAfter(first[0], plus(this.cumulative, 1))) return;
      if (isAfter(first[1], this.cumulative)) this.cumulative = first[1];
      this.#ranges.shift();
    }
  }
}
