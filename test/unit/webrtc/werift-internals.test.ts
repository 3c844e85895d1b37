import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, DtlsServer } from 'werift';
import { ICE_INTERNALS, iceInternals } from '../../../src/webrtc/werift/internals.ts';

test('every private part of werift that the agent reaches into is where it was', () => {
  const connection = new Connection(false, {});
  for (const name of ICE_INTERNALS)
    assert.notEqual(Reflect.get(connection, name), undefined, `Connection.${name} moved`);
  assert.ok(iceInternals(connection));
  assert.notEqual(Reflect.get(connection, 'consentFresh'), undefined, 'Connection.consentFresh moved');
  assert.equal(typeof DtlsServer.prototype.extractSessionKeys, 'function');
});

test('a werift with other internals is used through its public API', () => {
  assert.equal(iceInternals({}), undefined);
});
