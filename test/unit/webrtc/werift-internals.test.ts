import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DtlsServer, RTCDtlsTransport } from 'werift';

/**
 * What `src/webrtc/werift` relies on beyond werift's documented API. When one of these moves, the handshake fails with a clear error
 * (dtls-identity, dtls) rather than going on unchecked; this test says which.
 */
test('every part of werift that the agent reaches into is where it was', async () => {
  const certificate = await RTCDtlsTransport.SetupCertificate();
  const sent: Buffer[] = [];
  const socket = new DtlsServer({
    cert: certificate.certPem,
    key: certificate.privateKey,
    signatureHash: certificate.signatureHash,
    transport: {
      type: 'ice',
      address: { address: '', family: '', port: 0 },
      closed: false,
      onData: () => {},
      send: (data) => Promise.resolve(void sent.push(data)),
      close: () => Promise.resolve(),
    },
    srtpProfiles: [1],
  });
  assert.equal(socket.cipher.cipher, undefined, 'cipher.cipher tells that the keys are there');
  assert.ok('flight' in socket.dtls, 'dtls.flight ends the loops of repetition');
  assert.equal(socket.dtls.recordSequenceNumber, 0);
  assert.equal(socket.dtls.epoch, 0);
  assert.deepEqual(socket.dtls.sortedHandshakeCache, []);
  assert.equal(typeof socket.extractSessionKeys, 'function');
  assert.equal(typeof socket.transport.socket.onData, 'function', 'takes what comes in');
  assert.ok('remoteCertificate' in socket);
  assert.ok(socket.onConnect && socket.onError && socket.onClose);
});
