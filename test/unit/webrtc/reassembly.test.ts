import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATA_FLAG } from '../../../src/webrtc/sctp/data-chunk.ts';
import { Reassembly } from '../../../src/webrtc/sctp/reassembly.ts';

const WHOLE = DATA_FLAG.beginning | DATA_FLAG.end;

function ordered(): { reassembly: Reassembly; delivered: string[]; add: (ssn: number) => void } {
  const delivered: string[] = [];
  const reassembly = new Reassembly(1_000, ({ data }) => delivered.push(data.toString()));
  let tsn = 0;
  const add = (ssn: number) =>
    reassembly.add({
      flags: WHOLE,
      tsn: (tsn += 1),
      streamId: 1,
      ssn,
      protocol: 51,
      data: Buffer.from(String(ssn)),
    });
  return { reassembly, delivered, add };
}

test('what waited behind skipped messages is delivered in order, across the end of the numbers', () => {
  const { reassembly, delivered, add } = ordered();
  // As far as one may skip, twice: 65,534 is the next one due.
  reassembly.skip(0, [[1, 32_767]]);
  reassembly.skip(0, [[1, 65_533]]);
  for (const ssn of [3, 1, 65_535, 0]) add(ssn);
  assert.deepEqual(delivered, []);
  reassembly.skip(0, [[1, 1]]);
  assert.deepEqual(delivered, ['65535', '0', '1']);
  add(2);
  assert.deepEqual(delivered, ['65535', '0', '1', '2', '3']);
  assert.equal(reassembly.bytes, 0);
});

test('a peer that skips half of all numbers again and again does not keep the processor', () => {
  const { reassembly } = ordered();
  const packet = Array.from({ length: 290 }, (_, i) => [1, ((i + 1) * 32_767) & 0xffff] as const);
  const before = process.threadCpuUsage();
  for (let i = 0; i < 50; i += 1) reassembly.skip(0, packet);
  // Number by number it takes many seconds; this is in microseconds.
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system < 1_000_000);
});
