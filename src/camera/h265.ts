import type { ConfigurationRecord, NalRules } from './annexb.ts';

const NAL = { lastSlice: 31, firstKey: 16, lastKey: 21, vps: 32, sps: 33, pps: 34 } as const;

/** ITU-T H.265 table 7-1; key pictures are the intra random access points. */
export const H265_RULES: NalRules = {
  type: (firstByte) => (firstByte >> 1) & 0x3f,
  isSlice: (type) => type <= NAL.lastSlice,
  isKeySlice: (type) => type >= NAL.firstKey && type <= NAL.lastKey,
  parameterSets: [NAL.vps, NAL.sps, NAL.pps],
  readConfigurationRecord,
};

/** `hvcC`, ISO/IEC 14496-15 8.3.3.1. */
function readConfigurationRecord(record: Buffer): ConfigurationRecord | undefined {
  if (record.length < 23 || record[0] !== 1) return undefined;
  const nalUnits: Buffer[] = [];
  let at = 23;
  for (let array = 0; array < (record[22] ?? 0) && at + 3 <= record.length; array += 1) {
    const count = record.readUInt16BE(at + 1);
    at += 3;
    for (let index = 0; index < count && at + 2 <= record.length; index += 1) {
      const length = record.readUInt16BE(at);
      nalUnits.push(record.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return { lengthBytes: ((record[21] ?? 0) & 3) + 1, nalUnits };
}
