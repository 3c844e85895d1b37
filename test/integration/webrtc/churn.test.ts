import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DtlsLoader } from '../../../src/webrtc/werift/dtls-loader.ts';
import { prepareCertificate } from '../../../src/webrtc/werift/dtls.ts';
import { churn, open, settled } from './support/churn.ts';
import { StubMaster } from './support/stub-master.ts';

test('60 viewers, five at a time: every session ends, no socket stays open', async () => {
  const dtls = new DtlsLoader();
  await dtls.load();
  const sockets = open('UDPWrap');
  const stub = new StubMaster({ dtls });
  await churn(stub, await prepareCertificate(), 60);
  assert.equal(stub.master.viewers, 0);
  assert.equal(stub.leases, 0);
  assert.equal(stub.ends.length, 65);
  await stub.close();
  await settled('UDPWrap', sockets);
});
