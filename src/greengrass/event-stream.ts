import { crc32 } from 'node:zlib';

/**
 * Messages of the event stream encoding, as Greengrass's IPC uses it: lengths and their CRC, headers, payload, CRC
 * of the whole. https://smithy.io/2.0/aws/amazon-eventstream.html
 */

/** Values of the types that Greengrass uses; 64-bit integers as bigint, timestamps as Date. */
export type HeaderValue = boolean | number | bigint | string | Buffer | Date;

export interface EventStreamMessage {
  headers: Map<string, HeaderValue>;
  payload: Buffer;
}

/** Total length, headers' length, CRC of both. */
export const PRELUDE_BYTES = 12;
const CRC_BYTES = 4;
/** The limit of AWS's own implementations. */
const MAX_MESSAGE_BYTES = 24 * 1024 * 1024;

const TYPE = {
  true: 0,
  false: 1,
  int8: 2,
  int16: 3,
  int32: 4,
  int64: 5,
  bytes: 6,
  text: 7,
  timestamp: 8,
  uuid: 9,
} as const;

/** Numbers become 32-bit integers, as all of Greengrass's are. */
export function encodeMessage({ headers, payload }: EventStreamMessage): Buffer {
  const encodedHeaders = Buffer.concat([...headers].map(([name, value]) => encodeHeader(name, value)));
  const total = PRELUDE_BYTES + encodedHeaders.length + payload.length + CRC_BYTES;
  const prelude = Buffer.alloc(PRELUDE_BYTES);
  prelude.writeUInt32BE(total, 0);
  prelude.writeUInt32BE(encodedHeaders.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const message = Buffer.concat([prelude, encodedHeaders, payload]);
  const crc = Buffer.alloc(CRC_BYTES);
  crc.writeUInt32BE(crc32(message), 0);
  return Buffer.concat([message, crc]);
}

function encodeHeader(name: string, value: HeaderValue): Buffer {
  const encodedName = Buffer.from(name);
  if (encodedName.length === 0 || encodedName.length > 127) throw new Error(`bad header name "${name}"`);
  return Buffer.concat([Buffer.from([encodedName.length]), encodedName, encodeValue(value)]);
}

function encodeValue(value: HeaderValue): Buffer {
  if (typeof value === 'boolean') return Buffer.from([value ? TYPE.true : TYPE.false]);
  if (typeof value === 'number') {
    const encoded = Buffer.from([TYPE.int32, 0, 0, 0, 0]);
    encoded.writeInt32BE(value, 1);
    return encoded;
  }
  if (typeof value === 'bigint') return encode64(TYPE.int64, value);
  if (value instanceof Date) return encode64(TYPE.timestamp, BigInt(value.getTime()));
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  const prefix = Buffer.from([typeof value === 'string' ? TYPE.text : TYPE.bytes, 0, 0]);
  prefix.writeUInt16BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function encode64(type: number, value: bigint): Buffer {
  const encoded = Buffer.alloc(9);
  encoded[0] = type;
  encoded.writeBigInt64BE(value, 1);
  return encoded;
}

/** One whole message. Throws where a length or a CRC is wrong. */
export function decodeMessage(message: Buffer): EventStreamMessage {
  const { totalBytes, headerBytes } = decodePrelude(message);
  if (message.length !== totalBytes)
    throw new Error(`a message of ${totalBytes} B came as ${message.length} B`);
  const end = totalBytes - CRC_BYTES;
  if (crc32(message.subarray(0, end)) !== message.readUInt32BE(end)) throw new Error('wrong message CRC');
  const headersEnd = PRELUDE_BYTES + headerBytes;
  return {
    headers: decodeHeaders(message.subarray(PRELUDE_BYTES, headersEnd)),
    payload: Buffer.from(message.subarray(headersEnd, end)),
  };
}

interface Prelude {
  totalBytes: number;
  headerBytes: number;
}

function decodePrelude(message: Buffer): Prelude {
  if (message.length < PRELUDE_BYTES) throw new Error('a message shorter than its prelude');
  if (crc32(message.subarray(0, 8)) !== message.readUInt32BE(8)) throw new Error('wrong prelude CRC');
  const totalBytes = message.readUInt32BE(0);
  const headerBytes = message.readUInt32BE(4);
  if (totalBytes > MAX_MESSAGE_BYTES || headerBytes > totalBytes - PRELUDE_BYTES - CRC_BYTES) {
    throw new Error(`impossible lengths: ${totalBytes} B with ${headerBytes} B of headers`);
  }
  return { totalBytes, headerBytes };
}

function decodeHeaders(bytes: Buffer): Map<string, HeaderValue> {
  const headers = new Map<string, HeaderValue>();
  for (let at = 0; at < bytes.length;) {
    const nameEnd = at + 1 + bytes.readUInt8(at);
    const name = bytes.toString('utf8', at + 1, nameEnd);
    const { value, end } = decodeValue(bytes, nameEnd);
    if (end > bytes.length) throw new Error(`header ${name} is cut off`);
    headers.set(name, value);
    at = end;
  }
  return headers;
}

function decodeValue(bytes: Buffer, at: number): { value: HeaderValue; end: number } {
  const start = at + 1;
  const type = bytes.readUInt8(at);
  switch (type) {
    case TYPE.true:
    case TYPE.false:
      return { value: type === TYPE.true, end: start };
    case TYPE.int8:
      return { value: bytes.readInt8(start), end: start + 1 };
    case TYPE.int16:
      return { value: bytes.readInt16BE(start), end: start + 2 };
    case TYPE.int32:
      return { value: bytes.readInt32BE(start), end: start + 4 };
    case TYPE.int64:
      return { value: bytes.readBigInt64BE(start), end: start + 8 };
    case TYPE.timestamp:
      return { value: new Date(Number(bytes.readBigInt64BE(start))), end: start + 8 };
    case TYPE.uuid:
      return { value: Buffer.from(bytes.subarray(start, start + 16)), end: start + 16 };
    case TYPE.bytes:
    case TYPE.text: {
      const end = start + 2 + bytes.readUInt16BE(start);
      const value = Buffer.from(bytes.subarray(start + 2, end));
      return { value: type === TYPE.text ? value.toString() : value, end };
    }
    default:
      throw new Error(`unknown header type ${type}`);
  }
}

/** Cuts a byte stream into messages. */
export class MessageReader {
  readonly #maxBytes: number;
  #pending: Buffer = Buffer.alloc(0);

  /** `maxBytes` of one message. */
  constructor(maxBytes: number = MAX_MESSAGE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The messages that `chunk` completes. Throws where a message is malformed or larger than allowed. */
  *read(chunk: Buffer): Generator<EventStreamMessage> {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= PRELUDE_BYTES) {
      const { totalBytes } = decodePrelude(this.#pending);
      if (totalBytes > this.#maxBytes) throw new Error(`a message of ${totalBytes} B is too large`);
      if (this.#pending.length < totalBytes) return;
      const message = this.#pending.subarray(0, totalBytes);
      this.#pending = this.#pending.subarray(totalBytes);
      yield decodeMessage(message);
    }
  }
}
