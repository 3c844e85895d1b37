import { TRANSPORT_FEEDBACK } from '../../../src/rtp/rtcp-types.ts';

const TRANSPORT_WIDE = 15;
const TICKS_PER_MS = 4;
const TICKS_PER_REFERENCE = 256;
const SMALL_DELTA = 1;
const LARGE_DELTA = 2;

/**
 * Transport-wide feedback as a browser sends it (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
 *
 * @param arrivalsMs Arrival of each packet from `base` on, in milliseconds on any clock; NaN where it was lost.
 */
export function buildTransportFeedback(
  ssrcs: { sender: number; media: number },
  base: number,
  arrivalsMs: readonly number[],
  feedbackCount: number,
): Buffer {
  const first = arrivalsMs.find((arrival) => !Number.isNaN(arrival)) ?? 0;
  const reference = Math.floor((first * TICKS_PER_MS) / TICKS_PER_REFERENCE);
  let latest = reference * TICKS_PER_REFERENCE;
  const deltas: number[] = [];
  const symbols = arrivalsMs.map((arrival) => {
    if (Number.isNaN(arrival)) return 0;
    const ticks = Math.round(arrival * TICKS_PER_MS);
    const delta = ticks - latest;
    latest = ticks;
    const small = delta >= 0 && delta <= 0xff;
    if (small) deltas.push(delta);
    else deltas.push((delta >> 8) & 0xff, delta & 0xff);
    return small ? SMALL_DELTA : LARGE_DELTA;
  });
  const chunks = statusChunks(symbols);
  const bytes = 20 + 2 * chunks.length + deltas.length;
  const packet = Buffer.alloc((bytes + 3) & ~3);
  packet[0] = 0x80 | TRANSPORT_WIDE;
  packet[1] = TRANSPORT_FEEDBACK;
  packet.writeUInt16BE(packet.length / 4 - 1, 2);
  packet.writeUInt32BE(ssrcs.sender, 4);
  packet.writeUInt32BE(ssrcs.media, 8);
  packet.writeUInt16BE(base & 0xffff, 12);
  packet.writeUInt16BE(symbols.length, 14);
  packet.writeUIntBE(reference & 0xff_ffff, 16, 3);
  packet[19] = feedbackCount;
  chunks.forEach((chunk, i) => packet.writeUInt16BE(chunk, 20 + 2 * i));
  packet.set(deltas, 20 + 2 * chunks.length);
  const padding = packet.length - bytes;
  if (padding > 0) {
    packet[0] |= 0x20;
    packet[packet.length - 1] = padding;
  }
  return packet;
}

/** A run where one status repeats at least seven times, else seven statuses of two bits. */
function statusChunks(symbols: readonly number[]): number[] {
  const chunks: number[] = [];
  for (let at = 0; at < symbols.length;) {
    let run = 1;
    while (symbols[at + run] === symbols[at] && run < 0x1fff) run += 1;
    if (run >= 7 || at + run === symbols.length) {
      chunks.push(((symbols[at] ?? 0) << 13) | run);
      at += run;
    } else {
      let chunk = 0xc000;
      for (let i = 0; i < 7; i++) chunk |= (symbols[at + i] ?? 0) << (12 - 2 * i);
      chunks.push(chunk);
      at += 7;
    }
  }
  return chunks;
}
