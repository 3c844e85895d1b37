import type { PayloadWriter } from './payload-writer.ts';
import { packetizeNalUnits, type NalScheme } from './packetize-nal-units.ts';

const ACCESS_UNIT_DELIMITER = 9;
const FILLER_DATA = 12;
const STAP_A = 24;
const FU_A = 28;
const FORBIDDEN_BIT = 0x80;
const NRI_BITS = 0x60;
const TYPE_BITS = 0x1f;
const FU_START = 0x80;
const FU_END = 0x40;

/** RFC 6184, packetization-mode 1. */
const H264: NalScheme = {
  headerBytes: 1,
  fragmentHeaderBytes: 2,
  isDropped(data, start) {
    const type = data[start]! & TYPE_BITS;
    return type === ACCESS_UNIT_DELIMITER || type === FILLER_DATA;
  },
  // Section 5.7: F is set where one unit has it, NRI is the highest of all.
  aggregationHeader(writer, data, bounds, from, to) {
    let forbidden = 0;
    let nri = 0;
    for (let i = from; i < to; i++) {
      const header = data[bounds[2 * i]!]!;
      forbidden |= header & FORBIDDEN_BIT;
      nri = Math.max(nri, header & NRI_BITS);
    }
    writer.byte(forbidden | nri | STAP_A);
  },
  // Section 5.8.
  fragmentHeader(writer, data, start, first, last) {
    const header = data[start]!;
    writer.byte((header & (FORBIDDEN_BIT | NRI_BITS)) | FU_A);
    writer.byte((first ? FU_START : 0) | (last ? FU_END : 0) | (header & TYPE_BITS));
  },
};

/** Single NAL unit packets, STAP-A and FU-A from an Annex B access unit. */
export function packetizeH264(data: Buffer, writer: PayloadWriter): void {
  packetizeNalUnits(H264, data, writer);
}
