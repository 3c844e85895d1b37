import { randomBytes } from 'node:crypto';

/** Randomness, handed in so that simulations repeat. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform unsigned 32-bit integer from a cryptographic source. */
  uint32(): number;
}

export const systemRandom: Random = {
  float: () => Math.random(),
  uint32: () => randomBytes(4).readUInt32BE(),
};
