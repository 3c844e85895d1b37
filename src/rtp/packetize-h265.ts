import type { PayloadWriter } from './payload-writer.ts';
import { packetizeNalUnits, type NalScheme } from './packetize-nal-units.ts';

const ACCESS_UNIT_DELIMITER = 35;
const FILLER_DATA = 38;
const AGGREGATION = 48;
const FRAGMENTATION = 49;
/** F and the high bit of LayerId, which share the first byte with the type. */
const NOT_TYPE_BITS = 0x81;
const FU_START = 0x80;
const FU_END = 0x40;

function typeOf(header: number): number {
  return (header >>> 1) & 0x3f;
}

/** RFC 7798 without DONL fields (sprop-max-don-diff = 0). */
const H265: NalScheme = {
  headerBytes: 2,
  fragmentHeaderBytes: 3,
  isDropped(data, start) {
    const type = typeOf(data[start]!);
    return type === ACCESS_UNIT_DELIMITER || type === FILLER_DATA;
  },
  // Section 4.4.2: F is set where one unit has it; LayerId and TID are the lowest of all.
  aggregationHeader(writer, data, bounds, from, to) {
    let forbidden = 0;
    let layerId = 0x3f;
    let temporalId = 7;
    for (let i = from; i < to; i++) {
      const header = data.readUInt16BE(bounds[2 * i]);
      forbidden |= header & 0x8000;
      layerId = Math.min(layerId, (header >>> 3) & 0x3f);
      temporalId = Math.min(temporalId, header & 7);
    }
    writer.uint16(forbidden | (AGGREGATION << 9) | (layerId << 3) | temporalId);
  },
  // Section 4.4.3.
  fragmentHeader(writer, data, start, first, last) {
    const header = data[start]!;
    writer.byte((header & NOT_TYPE_BITS) | (FRAGMENTATION << 1));
    writer.byte(data[start + 1]!);
    writer.byte((first ? FU_START : 0) | (last ? FU_END : 0) | typeOf(header));
  },
};

/** Single NAL unit packets, aggregation packets and fragmentation units from an Annex B access unit. */
export function packetizeH265(data: Buffer, writer: PayloadWriter): void {
  packetizeNalUnits(H265, data, writer);
}
