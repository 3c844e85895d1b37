import { findNalUnits } from './annex-b.ts';
import { MAX_PAYLOAD_BYTES, type PayloadWriter } from './payload-writer.ts';

/** What differs between the payload formats of H.264 (RFC 6184) and H.265 (RFC 7798). */
export interface NalScheme {
  /** Bytes of a NAL unit's header; fragments carry it in their own header instead. */
  readonly headerBytes: number;
  /** Bytes of the header of a fragment. */
  readonly fragmentHeaderBytes: number;
  /** Units that decoders do not need, such as access unit delimiters. */
  isDropped(data: Buffer, start: number): boolean;
  /** Writes the header of an aggregation of the units `bounds[2 * from] … bounds[2 * to - 1]`. */
  aggregationHeader(writer: PayloadWriter, data: Buffer, bounds: number[], from: number, to: number): void;
  fragmentHeader(writer: PayloadWriter, data: Buffer, start: number, first: boolean, last: boolean): void;
}

const bounds: number[] = [];

/** Cuts one Annex B access unit: small units are aggregated, large ones fragmented, order is kept. */
export function packetizeNalUnits(scheme: NalScheme, data: Buffer, writer: PayloadWriter): void {
  const count = dropUnneeded(scheme, data, findNalUnits(data, bounds));
  let from = 0;
  while (from < count) {
    const start = bounds[2 * from]!;
    const end = bounds[2 * from + 1]!;
    const to = aggregationEnd(scheme, from, count);
    if (to - from > 1) {
      aggregate(scheme, data, from, to, writer);
    } else if (end - start <= MAX_PAYLOAD_BYTES) {
      writer.bytes(data, start, end);
      writer.next();
    } else {
      fragment(scheme, data, start, end, writer);
    }
    from = to;
  }
}

function dropUnneeded(scheme: NalScheme, data: Buffer, count: number): number {
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const start = bounds[2 * i]!;
    const end = bounds[2 * i + 1]!;
    if (end - start < scheme.headerBytes || scheme.isDropped(data, start)) continue;
    bounds[2 * kept] = start;
    bounds[2 * kept + 1] = end;
    kept += 1;
  }
  return kept;
}

/** One past the last of the units from `from` on that fit into one payload together; at least `from + 1`. */
function aggregationEnd(scheme: NalScheme, from: number, count: number): number {
  let bytes = scheme.headerBytes;
  let to = from;
  while (to < count) {
    bytes += 2 + bounds[2 * to + 1]! - bounds[2 * to]!;
    if (bytes > MAX_PAYLOAD_BYTES) break;
    to += 1;
  }
  return Math.max(to, from + 1);
}

function aggregate(scheme: NalScheme, data: Buffer, from: number, to: number, writer: PayloadWriter): void {
  scheme.aggregationHeader(writer, data, bounds, from, to);
  for (let i = from; i < to; i++) {
    const start = bounds[2 * i]!;
    const end = bounds[2 * i + 1]!;
    writer.uint16(end - start);
    writer.bytes(data, start, end);
  }
  writer.next();
}

/** Fragments of nearly equal size, as few as possible. */
function fragment(scheme: NalScheme, data: Buffer, start: number, end: number, writer: PayloadWriter): void {
  const body = start + scheme.headerBytes;
  const count = Math.ceil((end - body) / (MAX_PAYLOAD_BYTES - scheme.fragmentHeaderBytes));
  const size = Math.ceil((end - body) / count);
  for (let at = body; at < end; at += size) {
    const to = Math.min(at + size, end);
    scheme.fragmentHeader(writer, data, start, at === body, to === end);
    writer.bytes(data, at, to);
    writer.next();
  }
}
