/** Samples at 48 kHz for each at 8 kHz. */
const UPSAMPLING = 6;

const PCMU = Int16Array.from({ length: 256 }, (_, code) => {
  const inverted = ~code & 0xff;
  const magnitude = (((inverted & 0x0f) << 3) + 0x84) << ((inverted & 0x70) >>> 4);
  return (inverted & 0x80) === 0 ? magnitude - 0x84 : 0x84 - magnitude;
});

const PCMA = Int16Array.from({ length: 256 }, (_, code) => {
  const toggled = code ^ 0x55;
  const exponent = (toggled & 0x70) >>> 4;
  const mantissa = ((toggled & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
  return (toggled & 0x80) === 0 ? -magnitude : magnitude;
});

/** ITU-T G.711 to 16-bit samples at 48 kHz, straight lines between them. */
export class G711Decoder {
  readonly #table: Int16Array;
  #last = 0;

  constructor(codec: 'pcmu' | 'pcma') {
    this.#table = codec === 'pcmu' ? PCMU : PCMA;
  }

  decode(payload: Buffer): Int16Array {
    const samples = new Int16Array(payload.length * UPSAMPLING);
    let at = 0;
    for (const code of payload) {
      const next = this.#table[code]!;
      for (let i = 1; i <= UPSAMPLING; i += 1)
        samples[at++] = this.#last + ((next - this.#last) * i) / UPSAMPLING;
      this.#last = next;
    }
    return samples;
  }
}
