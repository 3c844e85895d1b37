import { PacketBatch } from '../../../src/rtp/packet-batch.ts';

interface Protector {
  readonly tagBytes: number;
  protect(batch: PacketBatch): void;
}

/** The protected packet for a plain one with this header and payload and the given rollover counter. */
export function protectOne(protector: Protector, header: Buffer, payload: Buffer, rollover = 0): Buffer {
  const padded = Buffer.concat([payload, Buffer.alloc(4)]);
  const memory = Buffer.from(new ArrayBuffer((padded.length + 3) & ~3));
  padded.copy(memory);
  const batch = new PacketBatch(256 + payload.length, {});
  batch.headerBytes = header.length;
  batch.ssrc = header.readUInt32BE(8);
  batch.firstIndex = rollover * 65_536 + header.readUInt16BE(2);
  batch.begin(1, payload.length);
  batch.payloads = memory;
  batch.payloadWords = new Uint32Array(memory.buffer);
  const start = batch.add(0, payload.length);
  header.copy(batch.block, start);
  protector.protect(batch);
  return Buffer.from(
    batch.block.subarray(start, start + header.length + payload.length + protector.tagBytes),
  );
}

export function rtpHeader(sequence: number, ssrc: number, timestamp = 0): Buffer {
  const header = Buffer.from([0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt16BE(sequence, 2);
  header.writeUInt32BE(timestamp, 4);
  header.writeUInt32BE(ssrc, 8);
  return header;
}
