import { CHUNK, writeChunk } from './packet.ts';

/** Chunk header, TSN, stream, SSN and protocol identifier (RFC 9260 section 3.3.1). */
export const DATA_HEADER_BYTES = 16;
const FIXED_BYTES = 12;

export const DATA_FLAG = { end: 1, beginning: 2, unordered: 4, immediate: 8 } as const;

/** A message or a part of one. */
export interface Fragment {
  flags: number;
  tsn: number;
  streamId: number;
  /** Stream sequence number; means nothing where the message is unordered. */
  ssn: number;
  /** Payload protocol identifier. */
  protocol: number;
  data: Buffer;
}

/** Undefined when it is malformed: a DATA chunk is never empty. */
export function readData(flags: number, body: Buffer): Fragment | undefined {
  if (body.length <= FIXED_BYTES) return undefined;
  return {
    flags,
    tsn: body.readUInt32BE(0),
    streamId: body.readUInt16BE(4),
    ssn: body.readUInt16BE(6),
    protocol: body.readUInt32BE(8),
    data: body.subarray(FIXED_BYTES),
  };
}

export function writeData({ flags, tsn, streamId, ssn, protocol, data }: Fragment): Buffer {
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.writeUInt32BE(tsn, 0);
  fixed.writeUInt16BE(streamId, 4);
  fixed.writeUInt16BE(ssn, 6);
  fixed.writeUInt32BE(protocol, 8);
  return writeChunk(CHUNK.data, flags, fixed, data);
}
