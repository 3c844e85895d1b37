import { packetChecksum } from './crc32c.ts';

/** RFC 9260 section 3.2; RFC 3758; RFC 6525. */
export const CHUNK = {
  data: 0,
  init: 1,
  initAck: 2,
  sack: 3,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
  reconfig: 130,
  forwardTsn: 192,
} as const;

/** Leaves room for DTLS (37 bytes) in a datagram of 1,200, which every path carries whole. */
export const MAX_PACKET_BYTES = 1_160;
export const PACKET_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 4;
const PARAMETER_HEADER_BYTES = 4;

export interface Chunk {
  type: number;
  flags: number;
  /** Without header and padding; a view of the packet. */
  body: Buffer;
}

export interface Packet {
  verificationTag: number;
  chunks: Chunk[];
}

/** A packet from the peer (RFC 9260 section 3); undefined when it is damaged or not for `port`. What follows a malformed chunk is dropped. */
export function readPacket(data: Buffer, port: number): Packet | undefined {
  if (data.length < PACKET_HEADER_BYTES + CHUNK_HEADER_BYTES) return undefined;
  if (data.readUInt16BE(2) !== port || data.readUInt32LE(8) !== packetChecksum(data)) return undefined;
  const chunks: Chunk[] = [];
  for (let at = PACKET_HEADER_BYTES; at + CHUNK_HEADER_BYTES <= data.length;) {
    const length = data.readUInt16BE(at + 2);
    if (length < CHUNK_HEADER_BYTES || at + length > data.length) break;
    const body = data.subarray(at + CHUNK_HEADER_BYTES, at + length);
    chunks.push({ type: data[at]!, flags: data[at + 1]!, body });
    at += padded(length);
  }
  return { verificationTag: data.readUInt32BE(4), chunks };
}

export interface Addressing {
  localPort: number;
  remotePort: number;
  /** The peer's. */
  verificationTag: number;
}

/** @param chunks As `writeChunk` made them. */
export function writePacket(
  { localPort, remotePort, verificationTag }: Addressing,
  chunks: Buffer[],
): Buffer {
  const header = Buffer.alloc(PACKET_HEADER_BYTES);
  header.writeUInt16BE(localPort, 0);
  header.writeUInt16BE(remotePort, 2);
  header.writeUInt32BE(verificationTag, 4);
  const packet = Buffer.concat([header, ...chunks]);
  packet.writeUInt32LE(packetChecksum(packet), 8);
  return packet;
}

export function writeChunk(type: number, flags: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, CHUNK_HEADER_BYTES);
  const chunk = Buffer.alloc(padded(length));
  chunk[0] = type;
  chunk[1] = flags;
  chunk.writeUInt16BE(length, 2);
  let at = CHUNK_HEADER_BYTES;
  for (const part of parts) {
    chunk.set(part, at);
    at += part.length;
  }
  return chunk;
}

export interface Parameter {
  type: number;
  value: Buffer;
}

/** RFC 9260 section 3.2.1. What follows a malformed one is dropped. */
export function readParameters(body: Buffer): Parameter[] {
  const parameters: Parameter[] = [];
  for (let at = 0; at + PARAMETER_HEADER_BYTES <= body.length;) {
    const length = body.readUInt16BE(at + 2);
    if (length < PARAMETER_HEADER_BYTES || at + length > body.length) break;
    const value = body.subarray(at + PARAMETER_HEADER_BYTES, at + length);
    parameters.push({ type: body.readUInt16BE(at), value });
    at += padded(length);
  }
  return parameters;
}

export function writeParameter(type: number, value: Uint8Array): Buffer {
  const length = PARAMETER_HEADER_BYTES + value.length;
  const parameter = Buffer.alloc(padded(length));
  parameter.writeUInt16BE(type, 0);
  parameter.writeUInt16BE(length, 2);
  parameter.set(value, PARAMETER_HEADER_BYTES);
  return parameter;
}

export function padded(length: number): number {
  return (length + 3) & ~3;
}
