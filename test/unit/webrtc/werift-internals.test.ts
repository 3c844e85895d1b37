import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DtlsServer } from 'werift';
import { answerFirstHello } from '../../../src/webrtc/werift/dtls-direct-hello.ts';
import { prepareCertificate } from '../../../src/webrtc/werift/dtls.ts';

/**
 * What `src/webrtc/werift` relies on beyond werift's documented API. When one of these moves, the handshake fails with a clear error
 * (dtls-identity, dtls) rather than going on unchecked; this test says which.
 */
test('every part of werift that the agent reaches into is where it was', async () => {
  const socket = await createServer();
  assert.equal(socket.cipher.cipher, undefined, 'cipher.cipher tells that the keys are there');
  assert.ok('flight' in socket.dtls, 'dtls.flight ends the loops of repetition');
  assert.equal(socket.dtls.recordSequenceNumber, 0);
  assert.equal(socket.dtls.epoch, 0);
  assert.deepEqual(socket.dtls.sortedHandshakeCache, []);
  assert.equal(typeof socket.extractSessionKeys, 'function');
  assert.equal(typeof socket.transport.socket.onData, 'function', 'takes what comes in');
  assert.ok('remoteCertificate' in socket);
  assert.ok(socket.onConnect && socket.onError && socket.onClose);
  assert.equal(socket.dtls.cookie, undefined);
  assert.ok(Object.hasOwn(socket.dtls, 'sequenceNumber'), 'numbers the messages');
  const handle = socket.onHandleHandshakes;
  answerFirstHello(socket, (send) => send());
  assert.notEqual(socket.onHandleHandshakes, handle, 'the first hello is answered without a cookie');
});

test('where werift is not as it was, the first hello is answered with a cookie, as werift does', async () => {
  const socket = await createServer();
  Object.setPrototypeOf(socket.dtls, { sequenceNumber: 0 });
  Reflect.deleteProperty(socket.dtls, 'sequenceNumber');
  const handle = socket.onHandleHandshakes;
  answerFirstHello(socket, (send) => send());
  assert.equal(socket.onHandleHandshakes, handle);
});

async function createServer(): Promise<DtlsServer> {
  const certificate = await prepareCertificate();
  return new DtlsServer({
    cert: certificate.certPem,
    key: certificate.privateKey,
    signatureHash: certificate.signatureHash,
    transport: {
      type: 'ice',
      address: { address: '', family: '', port: 0 },
      closed: false,
      onData: () => {},
      send: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    srtpProfiles: [1],
  });
}
