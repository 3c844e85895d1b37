import { eachNalUnit, type ConfigurationRecord, type NalRules } from './annexb.ts';

const NAL = { slice: 1, dataPartitionA: 2, idr: 5, sps: 7, pps: 8 } as const;

/** ITU-T H.264 table 7-1. */
export const H264_RULES: NalRules = {
  type: (firstByte) => firstByte & 0x1f,
  isSlice: (type) => type >= NAL.slice && type <= NAL.idr,
  isKeySlice: (type) => type === NAL.idr,
  parameterSets: [NAL.sps, NAL.pps],
  readConfigurationRecord,
};

/** `avcC`, ISO/IEC 14496-15 5.3.3.1. */
function readConfigurationRecord(record: Buffer): ConfigurationRecord | undefined {
  if (record.length < 7 || record[0] !== 1) return undefined;
  const nalUnits: Buffer[] = [];
  let at = 5;
  for (const mask of [0x1f, 0xff]) {
    const count = (record[at] ?? 0) & mask;
    at += 1;
    for (let index = 0; index < count && at + 2 <= record.length; index += 1) {
      const length = record.readUInt16BE(at);
      nalUnits.push(record.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return { lengthBytes: ((record[4] ?? 0) & 3) + 1, nalUnits };
}

/** `profile-level-id` of RFC 6184 8.1: profile, constraint flags and level as six hexadecimal digits. */
export function h264ProfileLevelId(parameterSets: Buffer): string | undefined {
  let id: string | undefined;
  eachNalUnit(parameterSets, (start, end) => {
    const isSps = ((parameterSets[start] ?? 0) & 0x1f) === NAL.sps && end - start >= 4;
    if (isSps) id = parameterSets.toString('hex', start + 1, start + 4);
    return !isSps;
  });
  return id;
}

/** Baseline, Main and High: 8 bits, 4:2:0, what browsers and phones decode. */
const PLAYABLE_PROFILES = ['42', '4d', '64'];

export function isPlayableH264(profileLevelId: string | undefined): boolean {
  return profileLevelId !== undefined && PLAYABLE_PROFILES.includes(profileLevelId.slice(0, 2));
}
