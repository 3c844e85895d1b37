import * as fc from 'fast-check';

/** Any bytes as the body of a NAL unit: start codes are escaped, and the last byte is not zero (H.264 7.4.1). */
function escape(bytes: Uint8Array): Buffer {
  const out: number[] = [];
  for (const byte of bytes) {
    if (byte <= 3 && out.at(-1) === 0 && out.at(-2) === 0) out.push(3);
    out.push(byte);
  }
  if (out.length === 0 || out.at(-1) === 0) out.push(0x80);
  return Buffer.from(out);
}

const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 2, arbitrary: fc.integer({ min: 1100, max: 1200 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 9000 }) },
);

const body = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 80 }).map(escape),
  // Large ones from a seed: byte by byte they would dominate the run.
  fc.tuple(size, fc.nat(0xffff)).map(([length, seed]) => {
    const bytes = new Uint8Array(length);
    for (let i = 0, x = seed; i < length; i++)
      bytes[i] = (x = (x * 1_103_515_245 + 12_345) & 0x7fff_ffff) >>> 16;
    return escape(bytes);
  }),
);

const startCode = fc.constantFrom(
  Buffer.from([0, 0, 1]),
  Buffer.from([0, 0, 0, 1]),
  Buffer.from([0, 0, 0, 0, 1]),
);

/** An access unit as Annex B with any start codes, and what a receiver must get: its units behind 00 00 00 01. */
export interface Unit {
  data: Buffer;
  expected: Buffer;
}

function unit(header: fc.Arbitrary<Buffer>): fc.Arbitrary<Unit> {
  const nal = fc.record({ startCode, header, body });
  return fc
    .record({ nals: fc.array(nal, { minLength: 1, maxLength: 8 }), trailing: fc.nat(2) })
    .map(({ nals, trailing }) => ({
      data: Buffer.concat([...nals.flatMap((n) => [n.startCode, n.header, n.body]), Buffer.alloc(trailing)]),
      expected: Buffer.concat(nals.flatMap((n) => [Buffer.from([0, 0, 0, 1]), n.header, n.body])),
    }));
}

/** NAL unit types 1 to 8 with any NRI. */
export const h264Unit = unit(
  fc.tuple(fc.integer({ min: 1, max: 8 }), fc.nat(3)).map(([type, nri]) => Buffer.from([(nri << 5) | type])),
);

/** NAL unit types 0 to 34 with any layer and temporal id. */
export const h265Unit = unit(
  fc
    .tuple(fc.nat(34), fc.nat(63), fc.integer({ min: 1, max: 7 }))
    .map(([type, layer, temporal]) =>
      Buffer.from([(type << 1) | (layer >>> 5), ((layer & 31) << 3) | temporal]),
    ),
);
