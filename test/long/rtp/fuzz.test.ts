import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzFeedback, fuzzRtcp, fuzzSrtp } from '../../unit/rtp/fuzz.ts';

const COUNT = 1_000_000;
const MAX_GROWTH_BYTES = 150 * 1024 * 1024;

for (const fuzz of [fuzzRtcp, fuzzFeedback, fuzzSrtp]) {
  test(`${fuzz.name}: a million, in bounded memory`, () => {
    const before = process.memoryUsage().rss;
    fuzz(COUNT, 1 + (Date.now() % 1_000_000));
    assert.ok(process.memoryUsage().rss - before < MAX_GROWTH_BYTES);
  });
}
