/** Serial number arithmetic (RFC 1982) on 32 bits: a TSN that comes after `b`. */
export function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

export function plus(tsn: number, count: number): number {
  return (tsn + count) >>> 0;
}

/** On 16 bits, for stream sequence numbers. */
export function isAfter16(a: number, b: number): boolean {
  return ((a - b) << 16) >> 16 > 0;
}

export function plus16(ssn: number, count: number): number {
  return (ssn + count) & 0xffff;
}
