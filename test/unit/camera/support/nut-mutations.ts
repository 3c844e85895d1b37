import { nutCrc, NutReader } from '../../../../src/camera/nut-reader.ts';

/** A repeatable source of numbers (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Span {
  start: number;
  end: number;
}

/** The checked part of every packet with a start code: from behind its length up to its check sum. */
function checkedParts(sample: Buffer): Span[] {
  const parts: Span[] = [];
  for (const code of ['4e4d7a561f5f04ad', '4e5311405bf2f9db', '4e4be4adeeca4569', '4e49ab68b596ba78']) {
    const bytes = Buffer.from(code, 'hex');
    for (let at = sample.indexOf(bytes); at >= 0; at = sample.indexOf(bytes, at + 8)) {
      const reader = new NutReader().reset(sample, at + 8, sample.length);
      const size = reader.unsigned();
      parts.push({ start: reader.position, end: reader.position + size - 4 });
    }
  }
  return parts;
}

/** Makes broken streams of a good one; the same seed makes the same streams. */
export class Mutator {
  readonly #sample: Buffer;
  readonly #parts: Span[];
  readonly #random: () => number;

  constructor(sample: Buffer, seed: number) {
    this.#sample = sample;
    this.#parts = checkedParts(sample);
    this.#random = randomNumbers(seed);
  }

  integer(below: number): number {
    return Math.floor(this.#random() * below);
  }

  next(): Buffer {
    const kind = this.integer(5);
    if (kind === 0) return this.#sample.subarray(0, this.integer(this.#sample.length));
    if (kind === 1) return this.#spliced();
    const copy = Buffer.from(this.#sample);
    // Half of the streams have right check sums over wrong content: they reach the code behind the check.
    if (kind === 2) this.#scribble(copy, { start: 0, end: copy.length });
    else this.#scribbleAndSign(copy);
    return copy;
  }

  /** Pieces of the stream removed, repeated or exchanged. */
  #spliced(): Buffer {
    const cut = (): number => this.integer(this.#sample.length);
    const [a, b, c] = [cut(), cut(), cut()];
    return Buffer.concat([
      this.#sample.subarray(0, a),
      this.#sample.subarray(b, b + this.integer(400)),
      this.#sample.subarray(c),
    ]);
  }

  #scribble(data: Buffer, { start, end }: Span): void {
    for (let count = 1 + this.integer(4); count > 0; count -= 1) {
      data[start + this.integer(end - start)] = this.integer(3) === 0 ? 0xff : this.integer(256);
    }
  }

  #scribbleAndSign(data: Buffer): void {
    const part = this.#parts[this.integer(this.#parts.length)];
    if (part === undefined) return;
    this.#scribble(data, part);
    data.writeUInt32BE(nutCrc(data, part.start, part.end), part.end);
  }
}
