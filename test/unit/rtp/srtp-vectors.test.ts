import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AesCmProtector } from '../../../src/rtp/srtp-aes-cm.ts';
import { GcmProtector } from '../../../src/rtp/srtp-gcm.ts';
import { deriveSessionKeys, type SessionKeys } from '../../../src/rtp/srtp-keys.ts';
import { SrtcpContext } from '../../../src/rtp/srtcp.ts';
import { SrtpReceiver } from '../../../src/rtp/srtp-receiver.ts';
import { SrtpSender } from '../../../src/rtp/srtp-sender.ts';
import { protectOne, rtpHeader } from './protect-one.ts';

function hex(text: string) {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

const RFC3711_KEY = hex('E1F97A0D3E018BE0D64FA32C06DE4139');
const RFC3711_SALT = hex('0EC675AD498AFEEBB6960B3AABE6');

const RFC7714_KEYS: SessionKeys = {
  profile: 'AEAD_AES_128_GCM',
  encryptionKey: hex('000102030405060708090a0b0c0d0e0f'),
  authenticationKey: Buffer.alloc(20),
  salt: hex('517569642070726f2071756f'),
};

const RFC7714_RTCP = hex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
  deadbeef deadbeef deadbeef deadbeef deadbeef`);

test('RFC 3711 B.3: key derivation', () => {
  const keys = deriveSessionKeys(
    { profile: 'AES_CM_128_HMAC_SHA1_80', masterKey: RFC3711_KEY, masterSalt: RFC3711_SALT },
    'rtp',
  );
  assert.deepEqual(keys.encryptionKey, hex('C61E7A93744F39EE10734AFE3FF7A087'));
  assert.deepEqual(keys.salt, hex('30CBBC08863D8C85D49DB34A9AE1'));
  assert.deepEqual(keys.authenticationKey, hex('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4'));
});

test('RFC 3711 B.2: AES counter mode key stream', () => {
  const protector = new AesCmProtector({
    profile: 'AES_CM_128_HMAC_SHA1_80',
    encryptionKey: hex('2B7E151628AED2A6ABF7158809CF4F3C'),
    authenticationKey: Buffer.alloc(20),
    salt: hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'),
  });
  const packet = protectOne(protector, rtpHeader(0, 0), Buffer.alloc(48));
  assert.deepEqual(
    packet.subarray(12, 60),
    hex(`E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0`),
  );
});

test('AES_CM_128_HMAC_SHA1_80: the reference packet of libsrtp', () => {
  const masters = {
    profile: 'AES_CM_128_HMAC_SHA1_80',
    masterKey: RFC3711_KEY,
    masterSalt: RFC3711_SALT,
  } as const;
  const header = hex('800f1234decafbadcafebabe');
  const plain = Buffer.alloc(16, 0xab);
  const expected = hex('800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb');
  assert.deepEqual(protectOne(new SrtpSender(masters), header, plain), expected);
  assert.deepEqual(new SrtpReceiver(masters).unprotect(expected), Buffer.concat([header, plain]));
});

test('RFC 7714 16.1.1: SRTP with AEAD_AES_128_GCM', () => {
  const packet = protectOne(
    new GcmProtector(RFC7714_KEYS),
    hex('8040f17b 8041f8d3 5501a0b2'),
    Buffer.from('Gallia est omnis divisa in partes tres'),
  );
  assert.deepEqual(
    packet,
    hex(`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
      36de3adf 8833 899d7f27 beb16a91 52cf765e e4390cce`),
  );
});

test('AEAD_AES_128_GCM: the reference packet of libsrtp', () => {
  const masters = {
    profile: 'AEAD_AES_128_GCM',
    masterKey: hex('000102030405060708090a0b0c0d0e0f'),
    masterSalt: hex('a0a1a2a3a4a5a6a7a8a9aaab'),
  } as const;
  const header = hex('800f1234decafbadcafebabe');
  const plain = Buffer.alloc(16, 0xab);
  const expected = hex(
    `800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392`,
  );
  assert.deepEqual(protectOne(new SrtpSender(masters), header, plain), expected);
  assert.deepEqual(new SrtpReceiver(masters).unprotect(expected), Buffer.concat([header, plain]));
});

test('RFC 7714 17.1: SRTCP with AEAD_AES_128_GCM, both ways', () => {
  const expected =
    hex(`81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
    4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`);
  const sender = new SrtcpContext(RFC7714_KEYS);
  let packet: Buffer | undefined;
  for (let index = 0; index <= 0x5d4; index++) packet = sender.protect(RFC7714_RTCP);
  assert.deepEqual(packet, expected);
  assert.deepEqual(new SrtcpContext(RFC7714_KEYS).unprotect(expected), RFC7714_RTCP);
});

test('RFC 7714 17.3: SRTCP that is authenticated but not encrypted', () => {
  const packet = Buffer.concat([RFC7714_RTCP, hex('841dd968 3dd78ec9 2ae58790 125f62b3 000005d4')]);
  assert.deepEqual(new SrtcpContext(RFC7714_KEYS).unprotect(packet), RFC7714_RTCP);
});

test('keys of a wrong length are refused with their lengths', () => {
  const keys = {
    profile: 'AEAD_AES_128_GCM',
    masterKey: Buffer.alloc(16),
    masterSalt: Buffer.alloc(14),
  } as const;
  assert.throws(() => new SrtpSender(keys), /salt of 12 bytes, not 16 and 14/);
});
