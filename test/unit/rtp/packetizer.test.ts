import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { MediaCodec } from '../../../src/rtp/access-unit.ts';
import { packetize } from '../../../src/rtp/packetizer.ts';
import { PayloadMemory } from '../../../src/rtp/payload-memory.ts';
import { MAX_PAYLOAD_BYTES, type Payloads } from '../../../src/rtp/payload-writer.ts';
import { depacketize } from '../../support/rtp-depacketizer.ts';
import { h264Unit, h265Unit } from './annex-b-units.ts';

const memory = new PayloadMemory();

function payloadsOf({ block, starts, lengths, count }: Payloads): Buffer[] {
  return Array.from({ length: count }, (_, i) => block.data.subarray(starts[i], starts[i]! + lengths[i]!));
}

function roundTrip(codec: MediaCodec, unit: Buffer): Buffer {
  const payloads = packetize(codec, unit, memory);
  for (let i = 0; i < payloads.count; i++) {
    assert.ok(payloads.lengths[i]! > 0 && payloads.lengths[i]! <= MAX_PAYLOAD_BYTES);
    assert.equal(payloads.starts[i]! % 4, 0);
  }
  const received = depacketize(codec, payloadsOf(payloads));
  memory.release(payloads.block);
  return received;
}

test('an H.264 access unit arrives whole, whatever its NAL units', () => {
  fc.assert(
    fc.property(h264Unit, ({ data, expected }) => assert.deepEqual(roundTrip('h264', data), expected)),
    { numRuns: 500 },
  );
});

test('an H.265 access unit arrives whole, whatever its NAL units', () => {
  fc.assert(
    fc.property(h265Unit, ({ data, expected }) => assert.deepEqual(roundTrip('h265', data), expected)),
    { numRuns: 500 },
  );
});

test('a VP8 frame of any size arrives whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), (bytes) => {
      const frame = Buffer.alloc(bytes, bytes & 0xff);
      frame.writeUInt8(0x9d, bytes - 1);
      assert.deepEqual(roundTrip('vp8', frame), frame);
    }),
  );
});

test('an audio frame is one packet', () => {
  for (const codec of ['opus', 'pcmu', 'pcma'] as const) {
    const frame = Buffer.from([1, 2, 3, 4, 5]);
    assert.deepEqual(roundTrip(codec, frame), frame);
  }
});

test('SPS, PPS, SEI and a small slice share one packet', () => {
  const unit = Buffer.from(
    '00000001 6742c01f 00000001 68ce3c80 000001 0605 ff80 000001 6588 8040'.replaceAll(' ', ''),
    'hex',
  );
  const payloads = packetize('h264', unit, memory);
  assert.equal(payloads.count, 1);
  assert.equal(
    payloadsOf(payloads)[0]!.toString('hex'),
    '780004 6742c01f 0004 68ce3c80 0004 0605ff80 0004 65888040'.replaceAll(' ', ''),
  );
});

test('access unit delimiters and filler data are not sent', () => {
  const h264 = Buffer.from('00000001 09f0 00000001 0cff80 00000001 419a20'.replaceAll(' ', ''), 'hex');
  assert.equal(roundTrip('h264', h264).toString('hex'), '00000001419a20');
  const h265 = Buffer.from('00000001 460150 00000001 4c01ff80 00000001 0201d0'.replaceAll(' ', ''), 'hex');
  assert.equal(roundTrip('h265', h265).toString('hex'), '000000010201d0');
});

test('a unit with nothing to send gives no packet, and the next one is not harmed', () => {
  for (const codec of ['h264', 'h265', 'vp8', 'opus'] as const)
    assert.equal(packetize(codec, Buffer.alloc(0), memory).count, 0);
  assert.equal(packetize('h264', Buffer.from('no start code'), memory).count, 0);
  assert.equal(packetize('h264', Buffer.from([0, 0, 1, 9, 0xf0]), memory).count, 0);
  assert.equal(packetize('opus', Buffer.alloc(MAX_PAYLOAD_BYTES + 1), memory).count, 0);
  const frame = Buffer.from([9, 8, 7]);
  assert.deepEqual(roundTrip('opus', frame), frame);
});

test('payloads are a copy: the captured unit may be reused', () => {
  const unit = Buffer.from('0000000165aabbcc', 'hex');
  const payloads = packetize('h264', unit, memory);
  unit.fill(0);
  assert.equal(payloadsOf(payloads)[0]!.toString('hex'), '65aabbcc');
});
