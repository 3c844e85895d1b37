import { rtpHeaderBytes } from '../../src/rtp/rtp-header.ts';

export interface RtpPacket {
  marker: boolean;
  payloadType: number;
  sequence: number;
  timestamp: number;
  ssrc: number;
  /** One-byte header extensions by id (RFC 8285). */
  extensions: Map<number, Buffer>;
  payload: Buffer;
}

/** Reads a plain RTP packet; fails where it is malformed. */
export function parseRtp(packet: Buffer): RtpPacket {
  const headerBytes = rtpHeaderBytes(packet);
  if (headerBytes === 0) throw new Error('not an RTP packet');
  return {
    marker: (packet[1]! & 0x80) !== 0,
    payloadType: packet[1]! & 0x7f,
    sequence: packet.readUInt16BE(2),
    timestamp: packet.readUInt32BE(4),
    ssrc: packet.readUInt32BE(8),
    extensions: readExtensions(packet, headerBytes),
    payload: packet.subarray(headerBytes, packet.length - paddingBytes(packet)),
  };
}

/** RFC 3550 section 5.1: the last byte tells. */
function paddingBytes(packet: Buffer): number {
  return (packet[0]! & 0x20) === 0 ? 0 : packet.at(-1)!;
}

function readExtensions(packet: Buffer, headerBytes: number): Map<number, Buffer> {
  const extensions = new Map<number, Buffer>();
  if ((packet[0]! & 0x10) === 0) return extensions;
  let at = 12 + 4 * (packet[0]! & 0x0f) + 4;
  while (at < headerBytes) {
    const head = packet[at]!;
    const length = (head & 0x0f) + 1;
    if (head >>> 4 > 0) extensions.set(head >>> 4, packet.subarray(at + 1, at + 1 + length));
    at += head === 0 ? 1 : 1 + length;
  }
  return extensions;
}
