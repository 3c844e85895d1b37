const START_CODE = Buffer.from([0, 0, 1]);

/**
 * Finds the NAL units of an Annex B byte stream (ITU-T H.264 B.1, H.265 B.1) without copying.
 *
 * @param data Start codes of three or four bytes; zero bytes around the units are not part of them.
 * @param bounds Filled with start and end offsets, one pair a unit; may be reused between calls.
 * @returns The number of units; 0 where there is no start code.
 */
export function findNalUnits(data: Buffer, bounds: number[]): number {
  let count = 0;
  let next = data.indexOf(START_CODE);
  while (next >= 0) {
    const start = next + START_CODE.length;
    next = data.indexOf(START_CODE, start);
    let end = next < 0 ? data.length : next;
    // A unit never ends in a zero byte: these belong to the next start code or are trailing_zero_8bits.
    while (end > start && data[end - 1] === 0) end -= 1;
    if (end === start) continue;
    bounds[2 * count] = start;
    bounds[2 * count + 1] = end;
    count += 1;
  }
  return count;
}
