/** Castagnoli's polynomial, bit-reversed (RFC 9260 appendix A). */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1)
    remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ POLYNOMIAL : remainder >>> 1;
  return remainder >>> 0;
});

/** CRC32c of a whole SCTP packet whose checksum field counts as zero. */
export function packetChecksum(packet: Buffer): number {
  let remainder = 0xffff_ffff;
  for (let i = 0; i < packet.length; i += 1) {
    const byte = i >= 8 && i < 12 ? 0 : packet[i]!;
    remainder = (remainder >>> 8) ^ TABLE[(remainder ^ byte) & 0xff]!;
  }
  return ~remainder >>> 0;
}
