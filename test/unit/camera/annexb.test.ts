import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { AnnexBFramer, joinNalUnits, type NalRules } from '../../../src/camera/annexb.ts';
import { h264ProfileLevelId, H264_RULES, isPlayableH264 } from '../../../src/camera/h264.ts';
import { H265_RULES } from '../../../src/camera/h265.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

// As libx264 wrote them for 1280x720.
const SPS = hex('67 42 c0 1f da 01 40 16 ec 04 40 00 00 03 00 40 00 00 0f 23 c6 0c a8');
const PPS = hex('68 ce 3c 80');
const IDR = hex('65 88 84 0a f2 62 80');
const SLICE = hex('41 9a 24 6c 41 7f');
const SEI = hex('06 05 01 aa 80');

function lengthPrefixed(lengthBytes: number, ...nalUnits: Buffer[]): Buffer {
  return Buffer.concat(
    nalUnits.flatMap((nalUnit) => {
      const length = Buffer.alloc(lengthBytes);
      length.writeUIntBE(nalUnit.length, 0, lengthBytes);
      return [length, nalUnit];
    }),
  );
}

function avcC(lengthBytes: number): Buffer {
  const head = Buffer.from([1, 0x42, 0xc0, 0x1f, 0xfc | (lengthBytes - 1), 0xe1]);
  return Buffer.concat([head, lengthPrefixed(2, SPS), Buffer.from([1]), lengthPrefixed(2, PPS)]);
}

function picture(rules: NalRules, codecPrivate: Buffer, data: Buffer) {
  return new AnnexBFramer(rules, codecPrivate).picture(Buffer.from(data));
}

test('parameter sets are put before a key picture that lacks them', () => {
  const bare = picture(H264_RULES, joinNalUnits([SPS, PPS]), joinNalUnits([SEI, IDR]));
  assert.deepEqual(bare, { data: joinNalUnits([SPS, PPS, SEI, IDR]), keyframe: true });
  const complete = joinNalUnits([SPS, PPS, IDR]);
  assert.deepEqual(picture(H264_RULES, Buffer.alloc(0), complete), { data: complete, keyframe: true });
  const other = joinNalUnits([SLICE]);
  assert.deepEqual(picture(H264_RULES, joinNalUnits([SPS, PPS]), other), { data: other, keyframe: false });
});

test('parameter sets seen once in the stream serve all later key pictures', () => {
  const framer = new AnnexBFramer(H264_RULES, Buffer.alloc(0));
  assert.equal(framer.picture(joinNalUnits([IDR])), undefined, 'no decoder can start here');
  framer.picture(joinNalUnits([SPS, PPS, SEI, IDR]));
  assert.deepEqual(framer.picture(joinNalUnits([IDR]))?.data, joinNalUnits([SPS, PPS, IDR]));
});

for (const lengthBytes of [1, 2, 4]) {
  test(`MP4's length-prefixed pictures become Annex B (${lengthBytes}-byte lengths)`, () => {
    const framer = new AnnexBFramer(H264_RULES, avcC(lengthBytes));
    const key = framer.picture(lengthPrefixed(lengthBytes, SEI, IDR));
    assert.deepEqual(key, { data: joinNalUnits([SPS, PPS, SEI, IDR]), keyframe: true });
    const broken = lengthPrefixed(lengthBytes, SLICE).subarray(0, -2);
    assert.equal(framer.picture(broken), undefined);
  });
}

test('H.265: random access points are key pictures, with VPS, SPS and PPS before them', () => {
  const [vps, sps, pps] = [hex('40 01 0c 01'), hex('42 01 01 01'), hex('44 01 c0 f7')];
  const [cra, trail] = [hex('2a 01 af 10'), hex('02 01 d0 11')];
  const header = joinNalUnits([vps, sps, pps, hex('4e 01 05 80')]);
  assert.deepEqual(picture(H265_RULES, header, joinNalUnits([cra])), {
    data: joinNalUnits([vps, sps, pps, cra]),
    keyframe: true,
  });
  assert.equal(picture(H265_RULES, header, joinNalUnits([trail]))?.keyframe, false);
  const arrays = [vps, sps, pps].flatMap((nalUnit) => [
    Buffer.from([(nalUnit[0] ?? 0) >> 1, 0, 1]),
    lengthPrefixed(2, nalUnit),
  ]);
  const hvcC = Buffer.concat([Buffer.from([1]), Buffer.alloc(20), Buffer.from([0xff, 3]), ...arrays]);
  assert.deepEqual(
    picture(H265_RULES, hvcC, lengthPrefixed(4, cra))?.data,
    joinNalUnits([vps, sps, pps, cra]),
  );
});

test('profiles: what viewers play, and what they do not', () => {
  assert.equal(h264ProfileLevelId(joinNalUnits([SPS, PPS])), '42c01f');
  assert.equal(h264ProfileLevelId(joinNalUnits([PPS])), undefined);
  for (const id of ['42e01f', '4d0028', '640c1f']) assert.ok(isPlayableH264(id));
  for (const id of ['6e0029', '7a0028', 'f4001f', undefined]) assert.ok(!isPlayableH264(id));
});

test('any bytes at all: a picture or none, never an exception', () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(bytes, bytes, fc.constantFrom(H264_RULES, H265_RULES), (codecPrivate, data, rules) => {
      picture(rules, codecPrivate, data);
      picture(rules, Buffer.concat([Buffer.from([1]), codecPrivate]), data);
    }),
    { numRuns: 2000 },
  );
});
