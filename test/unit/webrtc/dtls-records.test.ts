import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { HandshakeRecords } from '../../../src/webrtc/werift/dtls-records.ts';

const MESSAGES = [Buffer.alloc(2_100, 1), Buffer.alloc(0), Buffer.alloc(700, 3), Buffer.from('verify')];

function record(type: number, epoch: number, body: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt8(type, 0);
  header.writeUInt16BE(0xfefd, 1);
  header.writeUInt16BE(epoch, 3);
  header.writeUInt16BE(body.length, 11);
  return Buffer.concat([header, body]);
}

function fragment(sequence: number, offset: number, length: number): Buffer {
  const message = MESSAGES[sequence] ?? Buffer.alloc(0);
  const header = Buffer.alloc(12);
  header.writeUInt8(10 + sequence, 0);
  header.writeUIntBE(message.length, 1, 3);
  header.writeUInt16BE(sequence, 4);
  header.writeUIntBE(offset, 6, 3);
  header.writeUIntBE(length, 9, 3);
  return record(22, 0, Buffer.concat([header, message.subarray(offset, offset + length)]));
}

/** Every message cut at every `size` bytes. */
function cut(size: number): Buffer[] {
  return MESSAGES.flatMap((message, sequence) =>
    Array.from({ length: Math.max(1, Math.ceil(message.length / size)) }, (_, i) =>
      fragment(sequence, i * size, Math.min(size, message.length - i * size)),
    ),
  );
}

const whole = MESSAGES.map((message, sequence) => fragment(sequence, 0, message.length).subarray(13));

test('fragments in any order, doubled, in any grouping: each message once, whole, in its order', () => {
  fc.assert(
    fc.property(
      fc
        .integer({ min: 200, max: 3_000 })
        .chain((size) => fc.shuffledSubarray(cut(size), { minLength: cut(size).length })),
      (fragments) => {
        const delivered: Buffer[] = [];
        const records = new HandshakeRecords(
          (whole_) => delivered.push(whole_),
          () => false,
          () => {},
        );
        for (const part of fragments) records.receive(part);
        assert.deepEqual(
          delivered.map((message) => message.subarray(13)),
          whole,
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('a missing fragment holds its message and all behind it, until it comes', () => {
  const delivered: Buffer[] = [];
  const records = new HandshakeRecords(
    (message) => delivered.push(message),
    () => false,
    () => {},
  );
  const [first, second, ...rest] = cut(1_000);
  assert.ok(first && second);
  for (const part of [second, ...rest]) records.receive(part);
  assert.equal(delivered.length, 0);
  records.receive(first);
  assert.equal(delivered.length, MESSAGES.length);
});

test('a repeated message does not go on again: it tells that our last flight was lost', () => {
  const delivered: Buffer[] = [];
  let repeated = 0;
  const records = new HandshakeRecords(
    (message) => delivered.push(message),
    () => false,
    () => (repeated += 1),
  );
  for (const part of cut(1_000)) records.receive(part);
  assert.equal(repeated, 0);
  records.receive(Buffer.concat(cut(900)));
  assert.equal(delivered.length, MESSAGES.length);
  assert.equal(repeated, 1);
});

test('an encrypted record that overtook the key exchange waits for it', () => {
  let canDecrypt = false;
  const delivered: number[] = [];
  const records = new HandshakeRecords(
    (message) => {
      delivered.push(message.readUInt16BE(3));
      canDecrypt = delivered.length === MESSAGES.length;
    },
    () => canDecrypt,
    () => {},
  );
  records.receive(record(22, 1, Buffer.from('finished')));
  for (const part of cut(5_000)) records.receive(part);
  assert.deepEqual(delivered, [0, 0, 0, 0, 1]);
});

test('once connected, nobody can restart the handshake or close the session in plain text', () => {
  const delivered: Buffer[] = [];
  let repeated = 0;
  const records = new HandshakeRecords(
    (message) => delivered.push(message),
    () => true,
    () => (repeated += 1),
  );
  records.connected = true;
  for (const part of cut(5_000)) records.receive(part);
  records.receive(record(21, 0, Buffer.from([2, 40])));
  assert.equal(delivered.length, 0);
  assert.equal(repeated, 0);
  records.receive(record(21, 1, Buffer.from('encrypted alert')));
  assert.equal(delivered.length, 1);
  records.receive(record(22, 1, Buffer.from('the last flight again')));
  assert.equal(delivered.length, 1);
  assert.equal(repeated, 1);
  for (const type of [24, 63]) records.receive(record(type, 1, Buffer.from('unknown')));
  assert.equal(delivered.length, 1);
});

test('random datagrams neither throw nor pile up', () => {
  const records = new HandshakeRecords(
    () => {},
    () => false,
    () => {},
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom(...cut(500)),
      fc.nat(100),
      (noise, valid, at) => {
        records.receive(Buffer.from(noise));
        const mutated = Buffer.from(valid);
        mutated[at % mutated.length] = noise[0] ?? 0;
        records.receive(mutated);
      },
    ),
    { numRuns: 5_000 },
  );
});
