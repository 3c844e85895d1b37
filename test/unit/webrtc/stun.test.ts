import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  errorCode,
  errorValue,
  hasIntegrity,
  isError,
  isRequest,
  isSuccess,
  newTransactionId,
  parseStun,
  readXorAddress,
  STUN_ATTRIBUTE,
  STUN_TYPE,
  writeStun,
  xorAddress,
} from '../../../src/webrtc/ice/stun.ts';

const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt';

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
}

function parsed(data: Buffer) {
  const message = parseStun(data);
  assert.ok(message, 'the message is refused');
  return message;
}

/** https://www.rfc-editor.org/rfc/rfc5769 */
describe('the test vectors of RFC 5769', () => {
  test('section 2.1: a request of ICE', () => {
    const message = parsed(
      bytes(`00010058 2112a442 b7e7a701bc34d686fa87dfae
        80220010 5354554e207465737420636c69656e74 00240004 6e0001ff 80290008 932ff9b151263b36
        00060009 6576746a3a68367659202020 00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
        80280004 e57a3bcf`),
    );
    assert.ok(isRequest(message));
    assert.equal(message.attributes.get(STUN_ATTRIBUTE.username)?.toString(), 'evtj:h6vY');
    assert.ok(hasIntegrity(message, PASSWORD));
    assert.ok(!hasIntegrity(message, 'another'));
  });

  test('section 2.2: a response with an IPv4 address', () => {
    const message = parsed(
      bytes(`0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220
        00200008 0001a147e112a643 00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
        80280004 c07d4c96`),
    );
    assert.ok(isSuccess(message) && hasIntegrity(message, PASSWORD));
    const mapped = message.attributes.get(STUN_ATTRIBUTE.xorMappedAddress);
    assert.deepEqual(readXorAddress(mapped, message.transactionId), { address: '192.0.2.1', port: 32_853 });
  });

  test('section 2.3: a response with an IPv6 address', () => {
    const message = parsed(
      bytes(`01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220
        00200014 0002a147 0113a9faa5d3f179bc25f4b5bed2b9d9
        00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c`),
    );
    assert.ok(hasIntegrity(message, PASSWORD));
    const mapped = message.attributes.get(STUN_ATTRIBUTE.xorMappedAddress);
    const address = '2001:db8:1234:5678:11:2233:4455:6677';
    assert.deepEqual(readXorAddress(mapped, message.transactionId), { address, port: 32_853 });
  });

  test('section 2.4: a request with long-term credentials', () => {
    const message = parsed(
      bytes(`00010060 2112a442 78ad3433c6ad72c029da412e
        00060012 e3839ee38388e383aae38383e382afe382b90000
        0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341
        0014000b 6578616d706c652e6f726700 00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666`),
    );
    const key = createHash('md5').update('マトリックス:example.org:TheMatrIX').digest();
    assert.ok(hasIntegrity(message, key));
  });
});

describe('messages', () => {
  test('what is written is read again, and any changed byte is noticed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 50 }),
        fc.string({ minLength: 1 }),
        fc.nat(),
        (value, key, at) => {
          const id = newTransactionId();
          const written = writeStun(
            STUN_TYPE.bindingRequest,
            id,
            [[STUN_ATTRIBUTE.username, Buffer.from(value)]],
            key,
          );
          const message = parsed(written);
          assert.deepEqual(message.attributes.get(STUN_ATTRIBUTE.username), Buffer.from(value));
          assert.ok(hasIntegrity(message, key));
          const changed = Buffer.from(written);
          // FINGERPRINT comes after what integrity covers.
          const index = at % (changed.length - 8);
          changed[index] = changed[index]! ^ 0x10;
          const read = parseStun(changed);
          assert.ok(!read || !hasIntegrity(read, key), `byte ${index}`);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('addresses in any spelling', () => {
    const id = newTransactionId();
    for (const [address, canonical] of [
      ['192.0.2.1', '192.0.2.1'],
      ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
      ['::', '::'],
      ['fd00::2', 'fd00::2'],
      ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ] as const)
      assert.deepEqual(readXorAddress(xorAddress({ address, port: 9 }, id), id), {
        address: canonical,
        port: 9,
      });
  });

  test('error codes', () => {
    const error = writeStun(0x0111, newTransactionId(), [
      [STUN_ATTRIBUTE.errorCode, errorValue(487, 'Role')],
    ]);
    const message = parsed(error);
    assert.ok(isError(message));
    assert.equal(errorCode(message), 487);
  });

  test('an attribute behind MESSAGE-INTEGRITY is not believed', () => {
    const id = newTransactionId();
    const signed = writeStun(STUN_TYPE.bindingRequest, id, [], 'key').subarray(0, 44);
    const smuggled = Buffer.concat([signed, bytes('00250000')]);
    smuggled.writeUInt16BE(smuggled.length - 20, 2);
    const message = parsed(smuggled);
    assert.ok(!message.attributes.has(STUN_ATTRIBUTE.useCandidate));
  });

  test('noise never throws', () => {
    const whole = writeStun(STUN_TYPE.bindingRequest, newTransactionId(), [[6, Buffer.from('a:b')]], 'key');
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.nat(whole.length - 1),
        fc.nat(255),
        (noise, at, value) => {
          parseStun(Buffer.from(noise));
          const mutated = Buffer.from(whole);
          mutated[at] = value;
          for (const data of [mutated, mutated.subarray(0, at)]) {
            const message = parseStun(data);
            if (message) hasIntegrity(message, 'key');
          }
          readXorAddress(Buffer.from(noise), newTransactionId());
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
