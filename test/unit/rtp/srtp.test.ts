import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { SrtcpContext } from '../../../src/rtp/srtcp.ts';
import { deriveSessionKeys, saltBytes, type SrtpKeys, type SrtpProfile } from '../../../src/rtp/srtp-keys.ts';
import { REPLAY_WINDOW } from '../../../src/rtp/replay-window.ts';
import { SrtpReceiver } from '../../../src/rtp/srtp-receiver.ts';
import { SrtpSender } from '../../../src/rtp/srtp-sender.ts';
import { protectOne, rtpHeader } from './protect-one.ts';

const PROFILES: readonly SrtpProfile[] = ['AES_CM_128_HMAC_SHA1_80', 'AEAD_AES_128_GCM'];

function newKeys(profile: SrtpProfile): SrtpKeys {
  return { profile, masterKey: randomBytes(16), masterSalt: randomBytes(saltBytes(profile)) };
}

function protect(sender: SrtpSender, index: number, payload: Buffer, ssrc = 7): Buffer {
  return protectOne(sender, rtpHeader(index % 65_536, ssrc), payload, Math.floor(index / 65_536));
}

for (const profile of PROFILES) {
  test(`${profile}: packets of any size survive loss and reordering across rollovers, each once`, () => {
    const size = fc.integer({ min: 0, max: 1162 });
    const jumps = fc.array(fc.record({ jump: fc.integer({ min: -200, max: 20_000 }), size }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 32_767 }), jumps, (first, steps) => {
        const keys = newKeys(profile);
        const sender = new SrtpSender(keys);
        const receiver = new SrtpReceiver(keys);
        const seen = new Set<number>();
        let index = first;
        for (const step of steps) {
          index = Math.max(0, index + step.jump);
          const payload = randomBytes(step.size);
          const packet = protect(sender, index, payload);
          const highest = Math.max(...seen, -1);
          const expected = !seen.has(index) && highest - index < REPLAY_WINDOW;
          const plain = receiver.unprotect(packet);
          assert.equal(plain !== undefined, expected);
          if (plain !== undefined) assert.deepEqual(plain.subarray(12), payload);
          if (expected) seen.add(index);
        }
      }),
      { numRuns: 60 },
    );
  });

  test(`${profile}: a changed bit anywhere, also in the header, is refused`, () => {
    const keys = newKeys(profile);
    const packet = protect(new SrtpSender(keys), 100, Buffer.from('some payload'));
    for (let bit = 0; bit < packet.length * 8; bit++) {
      const forged = Buffer.from(packet);
      forged[bit >>> 3]! ^= 1 << (bit & 7);
      assert.equal(new SrtpReceiver(keys).unprotect(forged), undefined, `bit ${bit}`);
    }
  });

  test(`${profile}: a refused packet does not stop the right one`, () => {
    const keys = newKeys(profile);
    const receiver = new SrtpReceiver(keys);
    const packet = protect(new SrtpSender(keys), 100, Buffer.from('some payload'));
    const forged = Buffer.from(packet);
    forged.writeUInt16BE(30_000, 2);
    assert.equal(receiver.unprotect(forged), undefined);
    assert.ok(receiver.unprotect(packet));
    assert.equal(receiver.unprotect(packet), undefined, 'the same packet again');
  });

  test(`${profile}: sources beyond the limit are refused, those known go on`, () => {
    const keys = newKeys(profile);
    const sender = new SrtpSender(keys);
    const receiver = new SrtpReceiver(keys);
    for (let ssrc = 1; ssrc <= 64; ssrc++)
      assert.ok(receiver.unprotect(protect(sender, 5, Buffer.alloc(8), ssrc)));
    assert.equal(receiver.unprotect(protect(sender, 5, Buffer.alloc(8), 65)), undefined);
    assert.ok(receiver.unprotect(protect(sender, 6, Buffer.alloc(8), 1)));
  });

  test(`${profile}: RTCP arrives once, in any order, and not with a changed bit`, () => {
    const keys = deriveSessionKeys(newKeys(profile), 'rtcp');
    const sender = new SrtcpContext(keys);
    const receiver = new SrtcpContext(keys);
    const plain = Buffer.from('80c90001000000ff80cb0000', 'hex');
    const packets = Array.from({ length: 50 }, () => sender.protect(plain)).toReversed();
    for (const packet of packets) {
      assert.notDeepEqual(packet.subarray(8, 12), plain.subarray(8, 12), 'encrypted');
      for (let byte = 0; byte < packet.length; byte++) {
        const forged = Buffer.from(packet);
        forged[byte]! ^= 0x10;
        assert.equal(receiver.unprotect(forged), undefined);
      }
      assert.deepEqual(receiver.unprotect(packet), plain);
      assert.equal(receiver.unprotect(packet), undefined);
    }
  });

  // As a browser's do: one for its reports on sound, one for those on the picture.
  test(`${profile}: RTCP of two sources arrives, each with indices of its own`, () => {
    const keys = deriveSessionKeys(newKeys(profile), 'rtcp');
    const receiver = new SrtcpContext(keys);
    for (const ssrc of [1, 2]) {
      const sender = new SrtcpContext(keys);
      const plain = Buffer.from(`80c90001${ssrc.toString(16).padStart(8, '0')}`, 'hex');
      for (let packet = 0; packet < 3; packet++)
        assert.deepEqual(receiver.unprotect(sender.protect(plain)), plain);
    }
  });
}

test('an SSRC cannot be used twice under the same keys', () => {
  const sender = new SrtpSender(newKeys('AES_CM_128_HMAC_SHA1_80'));
  sender.claim(1);
  sender.claim(2);
  assert.throws(() => sender.claim(1), /SSRC 1 was already used/);
});
