import { CHUNK, writeChunk } from './packet.ts';

/** What has arrived (RFC 9260 section 3.3.4). */
export interface Sack {
  /** Everything up to this TSN. */
  cumulative: number;
  /** Bytes that the receiver has room for. */
  windowBytes: number;
  /** Beyond it: from and to, counted from `cumulative`; ascending, with room between them. */
  gaps: Array<[number, number]>;
}

const FIXED_BYTES = 12;
/** So that it fits a packet. */
const MAX_GAPS = 256;

/** Undefined when it is malformed. */
export function readSack(body: Buffer): Sack | undefined {
  if (body.length < FIXED_BYTES) return undefined;
  const count = body.readUInt16BE(8);
  if (body.length < FIXED_BYTES + 4 * count) return undefined;
  const gaps: Sack['gaps'] = [];
  for (let at = FIXED_BYTES; at < FIXED_BYTES + 4 * count; at += 4) {
    const from = body.readUInt16BE(at);
    const to = body.readUInt16BE(at + 2);
    if (from > 0 && to >= from) gaps.push([from, to]);
  }
  return { cumulative: body.readUInt32BE(0), windowBytes: body.readUInt32BE(4), gaps: merged(gaps) };
}

/** Blocks should be apart (RFC 9260 section 3.3.4); where they are not, each number still costs the sender one step. */
function merged(gaps: Sack['gaps']): Sack['gaps'] {
  const apart: Sack['gaps'] = [];
  for (const [from, to] of gaps.toSorted((a, b) => a[0] - b[0])) {
    const last = apart.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else apart.push([from, to]);
  }
  return apart;
}

export function writeSack({ cumulative, windowBytes, gaps }: Sack): Buffer {
  const told = gaps.slice(0, MAX_GAPS);
  const body = Buffer.alloc(FIXED_BYTES + 4 * told.length);
  body.writeUInt32BE(cumulative, 0);
  body.writeUInt32BE(windowBytes, 4);
  body.writeUInt16BE(told.length, 8);
  told.forEach(([from, to], i) => {
    body.writeUInt16BE(from, FIXED_BYTES + 4 * i);
    body.writeUInt16BE(to, FIXED_BYTES + 4 * i + 2);
  });
  return writeChunk(CHUNK.sack, 0, body);
}

/** Everything up to `cumulative` counts as arrived: it will not come any more (RFC 3758 section 3.2). */
export interface ForwardTsn {
  cumulative: number;
  /** The last sequence number that is skipped, by stream. */
  skipped: Array<[streamId: number, ssn: number]>;
}

export function readForwardTsn(body: Buffer): ForwardTsn | undefined {
  if (body.length < 4) return undefined;
  const skipped: ForwardTsn['skipped'] = [];
  for (let at = 4; at + 4 <= body.length; at += 4)
    skipped.push([body.readUInt16BE(at), body.readUInt16BE(at + 2)]);
  return { cumulative: body.readUInt32BE(0), skipped };
}

export function writeForwardTsn({ cumulative, skipped }: ForwardTsn): Buffer {
  const body = Buffer.alloc(4 + 4 * skipped.length);
  body.writeUInt32BE(cumulative, 0);
  skipped.forEach(([streamId, ssn], i) => {
    body.writeUInt16BE(streamId, 4 + 4 * i);
    body.writeUInt16BE(ssn, 6 + 4 * i);
  });
  return writeChunk(CHUNK.forwardTsn, 0, body);
}
