/** The bytes are not the NUT this demuxer understands; the stream cannot go on. */
export class NutError extends Error {
  override readonly name = 'NutError';
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

/** CRC-32 of NUT: polynomial 0x04C11DB7, most significant bit first, starts at 0, not inverted. */
export function nutCrc(data: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at += 1) {
    crc = ((crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ (data[at] ?? 0)) & 0xff] ?? 0)) >>> 0;
  }
  return crc;
}

/**
 * Reads NUT's variable-length numbers. Past the end it returns 0 and sets `short`, so that a header that is
 * still arriving needs no exception: the caller tries again with more bytes.
 */
export class NutReader {
  data: Buffer = Buffer.alloc(0);
  position = 0;
  end = 0;
  short = false;

  reset(data: Buffer, position: number, end: number): this {
    this.data = data;
    this.position = position;
    this.end = end;
    this.short = false;
    return this;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  byte(): number {
    if (this.position >= this.end) {
      this.short = true;
      return 0;
    }
    return this.data[this.position++] ?? 0;
  }

  uint32(): number {
    return this.byte() * 0x1000000 + ((this.byte() << 16) | (this.byte() << 8) | this.byte());
  }

  /** `v`: unsigned, seven bits a byte, most significant first. Numbers beyond 2^53 are refused. */
  unsigned(): number {
    let value = 0;
    for (;;) {
      const byte = this.byte();
      value = value * 128 + (byte & 0x7f);
      if (value > Number.MAX_SAFE_INTEGER) throw new NutError('NUT: a number is out of range');
      if ((byte & 0x80) === 0) return value;
    }
  }

  /** Passes over a number of any size: some that we do not use are near 2^62. */
  skipNumber(): void {
    while (this.byte() & 0x80);
  }

  /** `s`: signed, zigzag: 0, 1, -1, 2, -2 … */
  signed(): number {
    const value = this.unsigned() + 1;
    return value % 2 === 0 ? value / 2 : -((value - 1) / 2);
  }

  /** `vb`: a length and so many bytes (a view, not a copy). */
  bytes(): Buffer {
    const length = this.unsigned();
    if (length > this.remaining) {
      this.short = true;
      return this.data.subarray(this.end, this.end);
    }
    this.position += length;
    return this.data.subarray(this.position - length, this.position);
  }
}
