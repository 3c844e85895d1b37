import { test } from 'node:test';
import { fuzzControl } from '../../unit/control/fuzz.ts';
import { fuzzSctp } from '../../unit/webrtc/support/hostile-packets.ts';

const COUNT = 1_000_000;

test('a million requests of the control protocol', () => fuzzControl(COUNT, 1 + (Date.now() % 1_000_000)));

test('a million packets of data channels', () => fuzzSctp(COUNT, 1 + (Date.now() % 1_000_000)));
