import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decode } from '../../../src/signaling/messages.ts';
import { hostileFrame } from '../../unit/signaling/support/hostile-frames.ts';

test('1,000,000 hostile frames are messages or faults, never an exception', () => {
  let faults = 0;
  let messages = 0;
  fc.assert(
    fc.property(hostileFrame, (text) => {
      if ('fault' in decode(text)) faults += 1;
      else messages += 1;
    }),
    { numRuns: 1_000_000 },
  );
  assert.equal(faults + messages, 1_000_000);
  assert.ok(messages > 10_000, `${messages} messages`);
});
