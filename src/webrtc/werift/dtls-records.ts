/** RFC 6347 section 4.1: type, version, epoch, 48-bit sequence number, length. */
const RECORD_HEADER_BYTES = 13;
/** RFC 6347 section 4.2.2: type, length, message_seq, fragment_offset, fragment_length. */
const HANDSHAKE_HEADER_BYTES = 12;
const HANDSHAKE = 22;
/** A ClientHello with post-quantum key shares has about 2 kB, a certificate chain rarely more than 8. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_MESSAGES_AHEAD = 8;
const MAX_ENCRYPTED_EARLY = 8;

/** One handshake message on its way to being whole. */
interface Partial {
  type: number;
  body: Buffer;
  /** Which bytes have come: one flag each. */
  received: Uint8Array;
  missing: number;
}

/**
 * Puts DTLS handshake messages together before werift sees them, which releases a fragmented message with its last fragment whatever
 * is missing. Here a message goes on when every byte of it has come, in the order of `message_seq`, each in one record; a repeated
 * message goes on again, because that is how a peer asks for our last flight. Encrypted handshake records that overtook the key
 * exchange wait for it. Once connected, plaintext handshake records are dropped: anybody can send them, and werift would start anew.
 */
export class HandshakeRecords {
  readonly #deliver: (record: Buffer) => void;
  readonly #canDecrypt: () => boolean;
  readonly #partials = new Map<number, Partial>();
  readonly #whole = new Map<number, Buffer>();
  #encryptedEarly: Buffer[] = [];
  #next = 0;
  connected = false;

  /** @param deliver Takes whole records. @param canDecrypt True once the key exchange has happened. */
  constructor(deliver: (record: Buffer) => void, canDecrypt: () => boolean) {
    this.#deliver = deliver;
    this.#canDecrypt = canDecrypt;
  }

  /** Takes one datagram with one or more records; what is cut off or malformed is dropped. */
  receive(datagram: Buffer): void {
    for (let at = 0; at + RECORD_HEADER_BYTES <= datagram.length;) {
      const end = at + RECORD_HEADER_BYTES + datagram.readUInt16BE(at + 11);
      if (end > datagram.length) return;
      this.#record(datagram.subarray(at, end));
      at = end;
    }
  }

  #record(record: Buffer): void {
    const isHandshake = record.readUInt8(0) === HANDSHAKE;
    const encrypted = record.readUInt16BE(3) > 0;
    if (encrypted && !this.#canDecrypt()) {
      if (this.#encryptedEarly.length < MAX_ENCRYPTED_EARLY) this.#encryptedEarly.push(record);
    } else if (!isHandshake || encrypted) {
      // An unauthenticated alert must not end an established session (RFC 6347 section 4.1.2.7).
      if (encrypted || !this.connected) this.#deliver(record);
    } else if (!this.connected) {
      this.#fragments(record);
    }
  }

  #fragments(record: Buffer): void {
    for (let at = RECORD_HEADER_BYTES; at + HANDSHAKE_HEADER_BYTES <= record.length;) {
      const end = at + HANDSHAKE_HEADER_BYTES + record.readUIntBE(at + 9, 3);
      if (end > record.length) return;
      this.#fragment(record.subarray(at, end), record);
      at = end;
    }
  }

  #fragment(fragment: Buffer, record: Buffer): void {
    const type = fragment.readUInt8(0);
    const length = fragment.readUIntBE(1, 3);
    const sequence = fragment.readUInt16BE(4);
    const offset = fragment.readUIntBE(6, 3);
    const body = fragment.subarray(HANDSHAKE_HEADER_BYTES);
    if (
      length > MAX_MESSAGE_BYTES ||
      offset + body.length > length ||
      sequence > this.#next + MAX_MESSAGES_AHEAD
    )
      return;
    let partial = this.#partials.get(sequence);
    if (!partial || partial.type !== type || partial.body.length !== length) {
      partial = { type, body: Buffer.alloc(length), received: new Uint8Array(length), missing: length };
      this.#partials.set(sequence, partial);
    }
    body.copy(partial.body, offset);
    for (let i = offset; i < offset + body.length; i += 1) {
      partial.missing -= 1 - (partial.received[i] ?? 0);
      partial.received[i] = 1;
    }
    if (partial.missing > 0) return;
    this.#partials.delete(sequence);
    this.#completed(sequence, wholeRecord(partial, sequence, record));
  }

  #completed(sequence: number, record: Buffer): void {
    if (sequence < this.#next) return this.#deliver(record);
    this.#whole.set(sequence, record);
    for (let ready = this.#whole.get(this.#next); ready; ready = this.#whole.get(this.#next)) {
      this.#whole.delete(this.#next);
      this.#next += 1;
      this.#deliver(ready);
    }
    this.#releaseEncrypted();
  }

  #releaseEncrypted(): void {
    if (this.#encryptedEarly.length === 0 || !this.#canDecrypt()) return;
    const records = this.#encryptedEarly;
    this.#encryptedEarly = [];
    for (const record of records) this.#deliver(record);
  }
}

/** The message unfragmented, as the handshake hash wants it (RFC 6347 section 4.2.6), under the header of its last record. */
function wholeRecord({ type, body }: Partial, sequence: number, record: Buffer): Buffer {
  const whole = Buffer.alloc(RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES + body.length);
  record.copy(whole, 0, 0, RECORD_HEADER_BYTES - 2);
  whole.writeUInt16BE(HANDSHAKE_HEADER_BYTES + body.length, 11);
  whole.writeUInt8(type, 13);
  whole.writeUIntBE(body.length, 14, 3);
  whole.writeUInt16BE(sequence, 17);
  whole.writeUIntBE(0, 19, 3);
  whole.writeUIntBE(body.length, 22, 3);
  body.copy(whole, RECORD_HEADER_BYTES + HANDSHAKE_HEADER_BYTES);
  return whole;
}
