import type { MediaCodec } from './access-unit.ts';
import type { Payloads } from './payload-writer.ts';

const START_CODE = Buffer.from([0, 0, 0, 1]);
const START_OF_FRAGMENT = 0x80;
/** Types of aggregations and fragments, and where the type stands (RFC 6184, RFC 7798). */
const H264 = { headerBytes: 1, aggregation: 24, fragment: 28, typeOf: (first: number) => first & 0x1f };
const H265 = {
  headerBytes: 2,
  aggregation: 48,
  fragment: 49,
  typeOf: (first: number) => (first >>> 1) & 0x3f,
};

/** The access unit that our own packetizer cut into these payloads: Annex B for H.264 and H.265, else the bare frame. */
export function depacketize(codec: MediaCodec, payloads: Payloads): Buffer {
  const { block, count, starts, lengths } = payloads;
  const parts: Buffer[] = [];
  for (let i = 0; i < count; i += 1) {
    const start = starts[i]!;
    const payload = block.data.subarray(start, start + lengths[i]!);
    if (codec === 'h264') pushUnits(payload, H264, parts);
    else if (codec === 'h265') pushUnits(payload, H265, parts);
    // Behind the one-byte descriptor (RFC 7741 section 4.2).
    else parts.push(codec === 'vp8' ? payload.subarray(1) : payload);
  }
  return Buffer.concat(parts);
}

function pushUnits(payload: Buffer, scheme: typeof H264, parts: Buffer[]): void {
  const { headerBytes, aggregation, fragment, typeOf } = scheme;
  const type = typeOf(payload[0]!);
  if (type === aggregation) {
    for (let at = headerBytes; at + 2 < payload.length;) {
      const end = at + 2 + payload.readUInt16BE(at);
      parts.push(START_CODE, payload.subarray(at + 2, end));
      at = end;
    }
  } else if (type === fragment) {
    const header = payload[headerBytes]!;
    if ((header & START_OF_FRAGMENT) !== 0) parts.push(START_CODE, unitHeader(payload, headerBytes, header));
    parts.push(payload.subarray(headerBytes + 1));
  } else {
    parts.push(START_CODE, payload);
  }
}

/** Put together of the fragment's own headers. */
function unitHeader(payload: Buffer, headerBytes: number, fragmentHeader: number): Buffer {
  if (headerBytes === 1) return Buffer.from([(payload[0]! & 0xe0) | (fragmentHeader & 0x1f)]);
  return Buffer.from([(payload[0]! & 0x81) | ((fragmentHeader & 0x3f) << 1), payload[1]!]);
}
