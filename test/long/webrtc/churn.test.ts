import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DtlsLoader } from '../../../src/webrtc/werift/dtls-loader.ts';
import { prepareCertificate } from '../../../src/webrtc/werift/dtls.ts';
import { churn, heapInUse, open, settled } from '../../integration/webrtc/support/churn.ts';
import { StubMaster } from '../../integration/webrtc/support/stub-master.ts';

const HALF = 500;
/** What hash tables and compiled code may still grow by. */
const NOISE_BYTES = 512 * 1024;

test('1,000 viewers, five at a time: nothing is left of them', async (t) => {
  const dtls = new DtlsLoader();
  const [own] = await Promise.all([prepareCertificate(), dtls.load()]);
  const sockets = open('UDPWrap');
  const timers = open('Timeout');
  const stub = new StubMaster({ dtls });
  const quiet = async () => {
    stub.lines.length = 0;
    await settled('UDPWrap', sockets);
    // Its own one feeds the stream.
    await settled('Timeout', timers + 1);
  };
  await churn(stub, own, HALF);
  await quiet();
  const half = await heapInUse();
  await churn(stub, own, HALF);
  await quiet();
  const whole = await heapInUse();
  t.diagnostic(
    `heap after 500: ${(half / 2 ** 20).toFixed(2)} MB, after 1000: ${(whole / 2 ** 20).toFixed(2)} MB`,
  );
  t.diagnostic(`ends ${JSON.stringify(stub.master.counters.ends)}`);
  assert.equal(stub.master.viewers, 0);
  assert.equal(stub.leases, 0);
  assert.equal(stub.ends.length, 2 * (HALF + 5));
  await stub.close();
  await settled('Timeout', timers);
  assert.ok(whole - half < NOISE_BYTES, `the heap rose by ${whole - half} bytes`);
});
