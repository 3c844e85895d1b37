/** CRC-32 of Ogg (RFC 3533 section 6): polynomial 0x04c11db7, nothing reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte << 24;
  for (let bit = 0; bit < 8; bit += 1)
    remainder = remainder < 0 ? (remainder << 1) ^ 0x04c1_1db7 : remainder << 1;
  return remainder >>> 0;
});

const FIRST_PAGE = 2;
const MAX_SEGMENT = 255;
const MAX_PACKET_BYTES = 255 * MAX_SEGMENT - 1;
/** Enough for the decoder, which counts the samples itself. */
const SAMPLES_PER_PACKET = 960;

/** Opus packets in Ogg (RFC 7845), a page each: what a decoder reads from a pipe without waiting for more. */
export class OggOpusWriter {
  #sequence = 0;
  #granule = 0;

  /** The two pages that come first. */
  head(): Buffer {
    const identification = Buffer.alloc(19);
    identification.write('OpusHead', 0, 'latin1');
    identification.writeUInt8(1, 8);
    identification.writeUInt8(1, 9);
    identification.writeUInt32LE(48_000, 12);
    const comment = Buffer.alloc(16);
    comment.write('OpusTags', 0, 'latin1');
    return Buffer.concat([this.#page(identification, FIRST_PAGE), this.#page(comment, 0)]);
  }

  /** Undefined for a packet that no page can hold. */
  packet(packet: Buffer): Buffer | undefined {
    if (packet.length > MAX_PACKET_BYTES) return undefined;
    this.#granule += SAMPLES_PER_PACKET;
    return this.#page(packet, 0);
  }

  #page(packet: Buffer, flags: number): Buffer {
    const segments = Math.floor(packet.length / MAX_SEGMENT) + 1;
    const page = Buffer.alloc(27 + segments + packet.length);
    page.write('OggS', 0, 'latin1');
    page.writeUInt8(flags, 5);
    page.writeUIntLE(this.#granule, 6, 6);
    page.writeUInt32LE(1, 14);
    page.writeUInt32LE(this.#sequence++, 18);
    page.writeUInt8(segments, 26);
    page.fill(MAX_SEGMENT, 27, 27 + segments - 1);
    page.writeUInt8(packet.length % MAX_SEGMENT, 27 + segments - 1);
    packet.copy(page, 27 + segments);
    page.writeUInt32LE(checksum(page), 22);
    return page;
  }
}

function checksum(page: Buffer): number {
  let remainder = 0;
  for (const byte of page) remainder = ((remainder << 8) ^ TABLE[(remainder >>> 24) ^ byte]!) >>> 0;
  return remainder;
}
