import { MAX_PAYLOAD_BYTES, type PayloadWriter } from './payload-writer.ts';

/**
 * Opus (RFC 7587), PCMU and PCMA (RFC 3551): the frame is the payload. A frame too large for a packet gives none:
 * splitting would need stamps of its own for each part.
 */
export function packetizeAudio(data: Buffer, writer: PayloadWriter): void {
  if (data.length === 0 || data.length > MAX_PAYLOAD_BYTES) return;
  writer.bytes(data, 0, data.length);
  writer.next();
}
