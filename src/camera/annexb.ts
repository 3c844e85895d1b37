/** Start code before every NAL unit that we write (ITU-T H.264 Annex B). */
const START_CODE = Buffer.from([0, 0, 0, 1]);
const SHORT_START_CODE = START_CODE.subarray(1);

/** What the framer has to know of a codec's NAL units. */
export interface NalRules {
  /** NAL unit type from the first byte of the NAL unit. */
  type(firstByte: number): number;
  isSlice(type: number): boolean;
  /** A slice of a picture at which a decoder can start. */
  isKeySlice(type: number): boolean;
  /** Every one of these types must be known before a key picture can be decoded. */
  parameterSets: readonly number[];
  /** Reads `avcC` / `hvcC`; undefined when `codecPrivate` is not of that form. */
  readConfigurationRecord(codecPrivate: Buffer): ConfigurationRecord | undefined;
}

export interface ConfigurationRecord {
  /** Bytes of the length before every NAL unit of the stream: 1, 2 or 4. */
  lengthBytes: number;
  nalUnits: Buffer[];
}

/** NAL units with a start code before each. */
export function joinNalUnits(nalUnits: readonly Buffer[]): Buffer {
  return Buffer.concat(nalUnits.flatMap((nalUnit) => [START_CODE, nalUnit]));
}

/**
 * Calls `visit` with each NAL unit of an Annex B buffer (without start codes) until it returns false.
 * Returns whether a start code was found at all.
 */
export function eachNalUnit(data: Buffer, visit: (start: number, end: number) => boolean): boolean {
  const first = data.indexOf(SHORT_START_CODE);
  let start = first < 0 ? data.length : first + 3;
  while (start < data.length) {
    const next = data.indexOf(SHORT_START_CODE, start);
    let end = next < 0 ? data.length : next;
    while (end > start && data[end - 1] === 0) end -= 1;
    if (end > start && !visit(start, end)) break;
    start = next < 0 ? data.length : next + 3;
  }
  return first >= 0;
}

/** One coded picture in Annex B. */
export interface Picture {
  data: Buffer;
  keyframe: boolean;
}

/**
 * Turns the pictures of one stream, Annex B or length-prefixed, into Annex B with parameter sets before every
 * key picture. Parameter sets come from the stream's header until newer ones are seen in the stream itself.
 */
export class AnnexBFramer {
  readonly #rules: NalRules;
  readonly #lengthBytes: number;
  #parameterSets: Buffer;

  /** `codecPrivate`: `avcC`/`hvcC`, Annex B parameter sets, or nothing. */
  constructor(rules: NalRules, codecPrivate: Buffer) {
    this.#rules = rules;
    const record = rules.readConfigurationRecord(codecPrivate);
    this.#lengthBytes = record?.lengthBytes ?? 0;
    this.#parameterSets = this.#only(record ? joinNalUnits(record.nalUnits) : codecPrivate);
  }

  /** Annex B; empty until known. */
  get parameterSets(): Buffer {
    return this.#parameterSets;
  }

  /** `data` may be rewritten in place. Undefined when it holds no picture, a broken one, or one before its parameter sets. */
  picture(data: Buffer): Picture | undefined {
    const annexB = this.#lengthBytes === 0 ? data : prefixesToStartCodes(data, this.#lengthBytes);
    if (annexB === undefined) return undefined;
    let [slice, inBand] = [-1, 0];
    eachNalUnit(annexB, (start) => {
      const type = this.#rules.type(annexB[start] ?? 0);
      if (this.#rules.parameterSets.includes(type)) inBand |= 1 << this.#rules.parameterSets.indexOf(type);
      else if (this.#rules.isSlice(type)) slice = type;
      return slice < 0;
    });
    if (slice < 0) return undefined;
    const complete = inBand === (1 << this.#rules.parameterSets.length) - 1;
    if (complete) this.#parameterSets = this.#only(annexB);
    const keyframe = this.#rules.isKeySlice(slice);
    if (!keyframe || complete) return { data: annexB, keyframe };
    if (this.#parameterSets.length === 0) return undefined; // no decoder could start here
    return { data: Buffer.concat([this.#parameterSets, annexB]), keyframe };
  }

  /** The parameter sets of a buffer, without the remarks that some encoders put beside them. */
  #only(annexB: Buffer): Buffer {
    const found: Buffer[] = [];
    eachNalUnit(annexB, (start, end) => {
      const type = this.#rules.type(annexB[start] ?? 0);
      if (this.#rules.parameterSets.includes(type)) found.push(annexB.subarray(start, end));
      return !this.#rules.isSlice(type);
    });
    return joinNalUnits(found);
  }
}

/** Lengths of four bytes are overwritten with start codes; shorter ones need a copy. */
function prefixesToStartCodes(data: Buffer, lengthBytes: number): Buffer | undefined {
  const nalUnits: Buffer[] = [];
  let at = 0;
  while (at + lengthBytes <= data.length) {
    const length = data.readUIntBE(at, lengthBytes);
    if (length > data.length - at - lengthBytes) return undefined;
    if (lengthBytes === 4) data.set(START_CODE, at);
    else nalUnits.push(data.subarray(at + lengthBytes, at + lengthBytes + length));
    at += lengthBytes + length;
  }
  if (at !== data.length) return undefined;
  return lengthBytes === 4 ? data : joinNalUnits(nalUnits);
}
