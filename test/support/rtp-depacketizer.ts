import type { MediaCodec } from '../../src/rtp/access-unit.ts';

const START_CODE = Buffer.from([0, 0, 0, 1]);

/**
 * Puts the payloads of one access unit together again: Annex B with four-byte start codes for H.264 and H.265, the
 * bare frame for all others. Fails where they break their payload format.
 */
export function depacketize(codec: MediaCodec, payloads: readonly Buffer[]): Buffer {
  if (codec === 'h264') return depacketizeH264(payloads);
  if (codec === 'h265') return depacketizeH265(payloads);
  if (codec === 'vp8') return depacketizeVp8(payloads);
  if (payloads.length !== 1) throw new Error(`an ${codec} frame in ${payloads.length} packets`);
  return payloads[0]!;
}

/** RFC 6184. */
function depacketizeH264(payloads: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [];
  let open = false;
  for (const payload of payloads) {
    const type = payload[0]! & 0x1f;
    if (type !== 28 && open) throw new Error('an FU-A without its end');
    if (type === 24) {
      pushAggregated(payload, 1, parts);
    } else if (type === 28) {
      const header = payload[1]!;
      const start = (header & 0x80) !== 0;
      if (start === open) throw new Error('an FU-A that does not continue the one before');
      if (start) parts.push(START_CODE, Buffer.from([(payload[0]! & 0xe0) | (header & 0x1f)]));
      parts.push(payload.subarray(2));
      open = (header & 0x40) === 0;
    } else {
      parts.push(START_CODE, payload);
    }
  }
  if (open) throw new Error('an FU-A without its end');
  return Buffer.concat(parts);
}

/** RFC 7798, without DONL fields. */
function depacketizeH265(payloads: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [];
  let open = false;
  for (const payload of payloads) {
    const type = (payload[0]! >>> 1) & 0x3f;
    if (type !== 49 && open) throw new Error('a fragmentation unit without its end');
    if (type === 48) {
      pushAggregated(payload, 2, parts);
    } else if (type === 49) {
      const header = payload[2]!;
      const start = (header & 0x80) !== 0;
      if (start === open) throw new Error('a fragmentation unit that does not continue the one before');
      if (start) {
        const first = (payload[0]! & 0x81) | ((header & 0x3f) << 1);
        parts.push(START_CODE, Buffer.from([first, payload[1]!]));
      }
      parts.push(payload.subarray(3));
      open = (header & 0x40) === 0;
    } else {
      parts.push(START_CODE, payload);
    }
  }
  if (open) throw new Error('a fragmentation unit without its end');
  return Buffer.concat(parts);
}

function pushAggregated(payload: Buffer, from: number, parts: Buffer[]): void {
  for (let at = from; at < payload.length;) {
    const end = at + 2 + payload.readUInt16BE(at);
    if (end > payload.length) throw new Error('an aggregated unit beyond the end of its packet');
    parts.push(START_CODE, payload.subarray(at + 2, end));
    at = end;
  }
}

/** RFC 7741 section 4.2, with or without the optional fields. */
function depacketizeVp8(payloads: readonly Buffer[]): Buffer {
  return Buffer.concat(
    payloads.map((payload, i) => {
      const first = payload[0]!;
      if (((first & 0x10) !== 0) !== (i === 0)) throw new Error('S bit not on the first packet alone');
      let at = 1;
      if ((first & 0x80) !== 0) {
        const extended = payload[at++]!;
        if ((extended & 0x80) !== 0) at += (payload[at]! & 0x80) !== 0 ? 2 : 1;
        if ((extended & 0x40) !== 0) at += 1;
        if ((extended & 0x30) !== 0) at += 1;
      }
      return payload.subarray(at);
    }),
  );
}
