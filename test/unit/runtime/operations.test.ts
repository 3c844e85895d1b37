import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Operations } from '../../../src/runtime/operations.ts';

const gone = new Error('the connection is gone');

describe('operations of a connection', () => {
  test('settle as the work does', async () => {
    const operations = new Operations();
    assert.equal(await operations.track(Promise.resolve(7)), 7);
    await assert.rejects(operations.track(Promise.reject(gone)), gone);
  });

  test('are rejected when the connection goes, whether or not the work ever settles', async () => {
    const operations = new Operations();
    const pending = operations.track(new Promise(() => {}));
    operations.abandon(gone);
    await assert.rejects(pending, gone);
  });

  test('that begin too late are rejected, and their own failure ends no process', async () => {
    const operations = new Operations();
    operations.abandon(gone);
    const unheard = once(process, 'unhandledRejection').then(([reason]) => reason);
    const late = operations.track(Promise.reject(new Error('not sent')));
    await assert.rejects(late, gone);
    assert.equal(await Promise.race([unheard, nextTurn('none')]), 'none');
  });
});
