import { describe } from 'node:test';
import { describeShadow } from './support/shadow-suite.ts';

describe('device shadow over MQTT', { timeout: 60_000 }, () => describeShadow('direct'));
