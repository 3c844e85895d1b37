import { describe } from 'node:test';
import { PERSONALITIES } from '../greengrass/support/bench.ts';
import { describeShadow } from './support/shadow-suite.ts';

describe('device shadow through the nucleus', { timeout: 60_000, concurrency: 2 }, () => {
  for (const personality of PERSONALITIES)
    describe(personality, { concurrency: false }, () => describeShadow(personality));
});
