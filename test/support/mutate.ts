/** A repeatable stream of pseudo-random integers in [0, below) (xorshift32). */
export function randomIntegers(seed: number): (below: number) => number {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

/** A copy with one to four changes: a byte set, a bit flipped, a cut, a piece repeated. */
export function mutate(packet: Buffer, random: (below: number) => number): Buffer {
  let mutated = Buffer.from(packet);
  for (let i = random(4); i >= 0 && mutated.length > 0; i--) {
    const at = random(mutated.length);
    const kind = random(8);
    if (kind < 3) mutated[at] = random(256);
    else if (kind < 6) mutated[at]! ^= 1 << random(8);
    else if (kind === 6) mutated = mutated.subarray(0, at);
    else mutated = Buffer.concat([mutated, mutated.subarray(at)]);
  }
  return mutated;
}
