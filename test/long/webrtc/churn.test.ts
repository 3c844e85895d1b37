import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DtlsLoader } from '../../../src/webrtc/werift/dtls-loader.ts';
import { prepareCertificate } from '../../../src/webrtc/werift/dtls.ts';
import { churn, heapInUse, openResources } from '../../integration/webrtc/support/churn.ts';
import { StubMaster } from '../../integration/webrtc/support/stub-master.ts';

const HALF = 500;
/** What hash tables and compiled code may still grow by. */
const NOISE_BYTES = 512 * 1024;

test('1,000 viewers, five at a time: nothing is left of them', async (t) => {
  const dtls = new DtlsLoader();
  const [own] = await Promise.all([prepareCertificate(), dtls.load()]);
  const before = openResources();
  const stub = new StubMaster({ dtls });
  await churn(stub, own, HALF);
  stub.lines.length = 0;
  const half = await heapInUse();
  await churn(stub, own, HALF);
  stub.lines.length = 0;
  const whole = await heapInUse();
  t.diagnostic(
    `heap after 500: ${(half / 2 ** 20).toFixed(2)} MB, after 1000: ${(whole / 2 ** 20).toFixed(2)} MB`,
  );
  t.diagnostic(`ends ${JSON.stringify(stub.master.counters.ends)}`);
  assert.equal(stub.master.viewers, 0);
  assert.equal(stub.leases, 0);
  assert.equal(stub.ends.length, 2 * (HALF + 5));
  await stub.close();
  const after = openResources();
  t.diagnostic(`open before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`);
  assert.equal(after['UDPWrap'] ?? 0, before['UDPWrap'] ?? 0);
  assert.ok((after['Timeout'] ?? 0) <= (before['Timeout'] ?? 0) + 1);
  assert.ok(whole - half < NOISE_BYTES, `the heap rose by ${whole - half} bytes`);
});
