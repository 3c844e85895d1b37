import { describe } from 'node:test';
import { recordsAnotherRendition } from './other-rendition.ts';
import { recordsThroughSilence } from './microphone.ts';
import { recordsOverRenewals } from './renewals.ts';

/** Side by side: it takes a minute to record a minute, with little else to do. */
describe('recording', { concurrency: true }, () => {
  recordsOverRenewals();
  recordsThroughSilence();
  recordsAnotherRendition();
});
