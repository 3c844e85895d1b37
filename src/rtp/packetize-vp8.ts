import { MAX_PAYLOAD_BYTES, type PayloadWriter } from './payload-writer.ts';

/** S bit: the payload starts a partition (RFC 7741 section 4.2). */
const START_OF_PARTITION = 0x10;

/**
 * One VP8 frame in fragments of nearly equal size, each behind the one-byte payload descriptor.
 *
 * PictureID is optional and left out: the payloads are shared by viewers, and a GOP replay would send a PictureID
 * twice. Receivers then order frames by sequence number, as they do for H.264.
 */
export function packetizeVp8(data: Buffer, writer: PayloadWriter): void {
  const count = Math.ceil(data.length / (MAX_PAYLOAD_BYTES - 1));
  const size = Math.ceil(data.length / count);
  for (let at = 0; at < data.length; at += size) {
    writer.byte(at === 0 ? START_OF_PARTITION : 0);
    writer.bytes(data, at, Math.min(at + size, data.length));
    writer.next();
  }
}
