import { test } from 'node:test';
import { fuzzFeedback, fuzzRtcp, fuzzSrtp } from './fuzz.ts';

const SEED = 20_240_607;

test('50 000 random and mutated RTCP packets', () => fuzzRtcp(50_000, SEED));

test('50 000 random requests to a sender', () => fuzzFeedback(50_000, SEED));

test('50 000 mutated and repeated SRTP and SRTCP packets', () => fuzzSrtp(50_000, SEED));
