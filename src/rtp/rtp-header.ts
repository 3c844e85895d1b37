/** One-byte header extensions (RFC 8285) that a peer negotiated; ids are 1 to 14. */
export interface HeaderExtensions {
  /** Media identification (RFC 9143); at most 16 bytes. */
  mid?: { id: number; value: string };
  /** Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01). */
  transportSequence?: { id: number };
  /** How much later than captured a picture is to be shown at least (libwebrtc's playout-delay); up to 10 s. */
  playoutDelay?: { id: number; minMs: number };
}

/** Of both ends of the playout delay; the other end is left as it is where nothing is asked. */
const PLAYOUT_STEP_MS = 10;
const MAX_PLAYOUT_MS = 10_000;

const VERSION_2 = 0x80;
const EXTENSION_BIT = 0x10;
const MARKER_BIT = 0x80;
const FIXED_BYTES = 12;
const ONE_BYTE_PROFILE = 0xbede;
/** The transport sequence number comes first, so that its place does not depend on the MID. */
const TRANSPORT_SEQUENCE_AT = FIXED_BYTES + 5;

/** The RTP header of one SSRC (RFC 3550 section 5.1): a template, completed for each packet. */
export class RtpHeaderWriter {
  /** Length with extensions; a multiple of 4. */
  readonly bytes: number;
  readonly #template: Buffer;
  readonly #words: Uint32Array;
  readonly #payloadType: number;
  readonly #hasTransportSequence: boolean;

  /** Fails where an extension's id or value cannot be written with one-byte headers. */
  constructor(ssrc: number, payloadType: number, extensions: HeaderExtensions) {
    const elements = extensionElements(extensions);
    const padded = (elements.length + 3) & ~3;
    this.bytes = FIXED_BYTES + (padded > 0 ? 4 + padded : 0);
    this.#template = Buffer.from(new ArrayBuffer(this.bytes));
    this.#words = new Uint32Array(this.#template.buffer, 0, this.bytes >>> 2);
    this.#payloadType = payloadType;
    this.#hasTransportSequence = extensions.transportSequence !== undefined;
    this.#template[0] = VERSION_2 | (padded > 0 ? EXTENSION_BIT : 0);
    this.#template.writeUInt32BE(ssrc, 8);
    if (padded > 0) {
      this.#template.writeUInt16BE(ONE_BYTE_PROFILE, FIXED_BYTES);
      this.#template.writeUInt16BE(padded >>> 2, FIXED_BYTES + 2);
      elements.copy(this.#template, FIXED_BYTES + 4);
    }
  }

  /** Sets the RTP timestamp of the packets written from now on. */
  setTimestamp(timestamp: number): void {
    this.#template.writeUInt32BE(timestamp >>> 0, 4);
  }

  /** Writes the header at `start`, a multiple of 4; `words` and `block` are the same memory. */
  write(
    block: Buffer,
    words: Uint32Array,
    start: number,
    marker: boolean,
    sequence: number,
    transportSequence: number,
  ): void {
    const template = this.#words;
    for (let i = 0, at = start >>> 2; i < template.length; i++) words[at + i] = template[i]!;
    block[start + 1] = marker ? MARKER_BIT | this.#payloadType : this.#payloadType;
    block[start + 2] = sequence >>> 8;
    block[start + 3] = sequence;
    if (!this.#hasTransportSequence) return;
    block[start + TRANSPORT_SEQUENCE_AT] = transportSequence >>> 8;
    block[start + TRANSPORT_SEQUENCE_AT + 1] = transportSequence;
  }
}

function extensionElements({ mid, transportSequence, playoutDelay }: HeaderExtensions): Buffer {
  const elements: Buffer[] = [];
  if (transportSequence) elements.push(element(transportSequence.id, Buffer.alloc(2)));
  if (playoutDelay) {
    const value = Buffer.alloc(3);
    // 12 bits each.
    value.writeUIntBE((playoutDelay.minMs / PLAYOUT_STEP_MS) * 4096 + MAX_PLAYOUT_MS / PLAYOUT_STEP_MS, 0, 3);
    elements.push(element(playoutDelay.id, value));
  }
  if (mid) elements.push(element(mid.id, Buffer.from(mid.value)));
  return Buffer.concat(elements);
}

function element(id: number, value: Buffer): Buffer {
  if (id < 1 || id > 14 || value.length < 1 || value.length > 16) {
    throw new Error(
      `RTP header extension ${id} with ${value.length} bytes does not fit a one-byte header (RFC 8285)`,
    );
  }
  return Buffer.concat([Buffer.from([(id << 4) | (value.length - 1)]), value]);
}

/** Length of a packet's RTP header with CSRCs and extension; 0 where the packet is not RTP version 2 or too short. */
export function rtpHeaderBytes(packet: Buffer): number {
  if (packet.length < FIXED_BYTES) return 0;
  const first = packet[0]!;
  if ((first & 0xc0) !== VERSION_2) return 0;
  let bytes = FIXED_BYTES + 4 * (first & 0x0f);
  if ((first & EXTENSION_BIT) !== 0) {
    if (packet.length < bytes + 4) return 0;
    bytes += 4 + 4 * packet.readUInt16BE(bytes + 2);
  }
  return packet.length < bytes ? 0 : bytes;
}
