/** RFC 6347 section 4.1: type, version, epoch, 48-bit sequence number, length. */
const RECORD_HEADER_BYTES = 13;
/** RFC 6347 section 4.2.2: type, length, message_seq, fragment_offset, fragment_length. */
const HANDSHAKE_HEADER_BYTES = 12;
const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
/** A ClientHello with post-quantum key shares has about 2 kB, a certificate chain rarely more than 8. */
const MAX_MESSAGE_BYTES = 32 * 1024;
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
 * is missing, and derives wrong keys when the peer repeats its key exchange. Here each message goes on once: when every byte of it has
 * come, in the order of `message_seq`, in one record. A repeated one is how a peer says that our last flight was lost (RFC 6347
 * section 4.2.4). Encrypted records that overtook the key exchange wait for it. Once connected nothing in plain text goes on: anybody
 * can send it, and werift would start anew or close.
 */
export class HandshakeRecords {
  readonly #deliver: (record: Buffer) => void;
  readonly #canDecrypt: () => boolean;
  readonly #onRepeated: () => void;
  readonly #partials = new Map<number, Partial>();
  readonly #whole = new Map<number, Buffer>();
  #encryptedEarly: Buffer[] = [];
  #next = 0;
  #isRepeated = false;
  connected = false;

  /**
   * @param deliver Takes whole records.
   * @param canDecrypt True once the key exchange has happened.
   * @param onRepeated Told once for each datagram with a message that has gone on before.
   */
  constructor(deliver: (record: Buffer) => void, canDecrypt: () => boolean, onRepeated: () => void) {
    this.#deliver = deliver;
    this.#canDecrypt = canDecrypt;
    this.#onRepeated = onRepeated;
  }

  /** Takes one datagram with one or more records; what is cut off or malformed is dropped. */
  receive(datagram: Buffer): void {
    this.#isRepeated = false;
    for (let at = 0; at + RECORD_HEADER_BYTES <= datagram.length;) {
      const end = at + RECORD_HEADER_BYTES + datagram.readUInt16BE(at + 11);
      if (end > datagram.length) break;
      this.#record(datagram.subarray(at, end));
      at = end;
    }
    if (this.#isRepeated) this.#onRepeated();
  }

  #record(record: Buffer): void {
    const type = record.readUInt8(0);
    const encrypted = record.readUInt16BE(3) > 0;
    // werift takes a type that it does not know for the end of the session.
    if (type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA) return;
    if (!encrypted) {
      if (this.connected) return;
      if (type === HANDSHAKE) this.#fragments(record);
      // Alerts in plain text: anybody can send them.
      else if (type === CHANGE_CIPHER_SPEC) this.#deliver(record);
    } else if (!this.#canDecrypt()) {
      if (this.#encryptedEarly.length < MAX_ENCRYPTED_EARLY) this.#encryptedEarly.push(record);
    } else if (type === HANDSHAKE && this.connected) {
      this.#isRepeated = true;
    } else {
      this.#deliver(record);
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
    if (sequence < this.#next) {
      this.#isRepeated = true;
      return;
    }
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
