import { createHmac, randomBytes } from 'node:crypto';
import { SocketAddress } from 'node:net';
import { crc32 } from 'node:zlib';

/** Message types as on the wire: method and class (RFC 8489 section 5, RFC 8656 section 17). */
export const STUN_TYPE = {
  bindingRequest: 0x0001,
  bindingSuccess: 0x0101,
  bindingError: 0x0111,
  allocateRequest: 0x0003,
  refreshRequest: 0x0004,
  sendIndication: 0x0016,
  dataIndication: 0x0017,
  createPermissionRequest: 0x0008,
  channelBindRequest: 0x0009,
} as const;

/** Attribute types (RFC 8489 section 18.3, RFC 8445 section 16.1, RFC 8656 section 18). */
export const STUN_ATTRIBUTE = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedTransport: 0x0019,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
} as const;

export type StunAttributes = ReadonlyArray<readonly [type: number, value: Buffer]>;

export interface Endpoint {
  /** IPv4, or IPv6 in its canonical form. */
  address: string;
  port: number;
}

export interface StunMessage {
  type: number;
  /** 12 bytes. */
  transactionId: Buffer;
  /** The first of each type, up to MESSAGE-INTEGRITY: what comes after it is not protected. */
  attributes: ReadonlyMap<number, Buffer>;
  /** Where MESSAGE-INTEGRITY begins; -1 without. */
  integrityAt: number;
  raw: Buffer;
}

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const INTEGRITY_BYTES = 20;
const FINGERPRINT_XOR = 0x5354554e;
const SUCCESS_BITS = 0x0100;
const CLASS_BITS = 0x0110;
const NO_BYTES = Buffer.alloc(0);

export const isRequest = ({ type }: StunMessage): boolean => (type & CLASS_BITS) === 0;
export const isSuccess = ({ type }: StunMessage): boolean => (type & CLASS_BITS) === SUCCESS_BITS;
export const isError = ({ type }: StunMessage): boolean => (type & CLASS_BITS) === CLASS_BITS;

export function newTransactionId(): Buffer {
  return randomBytes(12);
}

/** Reads one whole STUN message from an untrusted peer (RFC 8489 section 6.3); undefined when it is none. */
export function parseStun(data: Buffer): StunMessage | undefined {
  if (data.length < HEADER_BYTES || (data[0]! & 0xc0) !== 0) return undefined;
  if (data.readUInt32BE(4) !== MAGIC_COOKIE || data.readUInt16BE(2) !== data.length - HEADER_BYTES)
    return undefined;
  const attributes = new Map<number, Buffer>();
  let integrityAt = -1;
  for (let at = HEADER_BYTES; at < data.length;) {
    if (at + 4 > data.length) return undefined;
    const type = data.readUInt16BE(at);
    const end = at + 4 + data.readUInt16BE(at + 2);
    if (end > data.length) return undefined;
    if (type === STUN_ATTRIBUTE.fingerprint && !isFingerprint(data, at, end)) return undefined;
    if (type === STUN_ATTRIBUTE.messageIntegrity && integrityAt < 0) integrityAt = at;
    if (integrityAt < 0 && !attributes.has(type)) attributes.set(type, data.subarray(at + 4, end));
    at = (end + 3) & ~3;
  }
  return {
    type: data.readUInt16BE(0),
    transactionId: data.subarray(8, HEADER_BYTES),
    attributes,
    integrityAt,
    raw: data,
  };
}

function isFingerprint(data: Buffer, at: number, end: number): boolean {
  return end === data.length && end - at === 8 && data.readUInt32BE(at + 4) === fingerprint(data, at);
}

function fingerprint(data: Buffer, end: number): number {
  return (crc32(data.subarray(0, end)) ^ FINGERPRINT_XOR) >>> 0;
}

/** True when MESSAGE-INTEGRITY is there and made with this key (RFC 8489 section 14.5). */
export function hasIntegrity({ raw, integrityAt }: StunMessage, key: string | Buffer): boolean {
  const end = integrityAt + 4 + INTEGRITY_BYTES;
  if (integrityAt < 0 || raw.length < end || raw.readUInt16BE(integrityAt + 2) !== INTEGRITY_BYTES)
    return false;
  // The covered length ends with MESSAGE-INTEGRITY itself, whatever follows.
  const covered = Buffer.from(raw.subarray(0, integrityAt));
  covered.writeUInt16BE(end - HEADER_BYTES, 2);
  return createHmac('sha1', key)
    .update(covered)
    .digest()
    .equals(raw.subarray(integrityAt + 4, end));
}

/** Writes a message; with a `key` MESSAGE-INTEGRITY and FINGERPRINT are added. */
export function writeStun(
  type: number,
  transactionId: Buffer,
  attributes: StunAttributes,
  key?: string | Buffer,
): Buffer {
  let bytes = HEADER_BYTES;
  for (const [, value] of attributes) bytes += 4 + ((value.length + 3) & ~3);
  const integrityAt = bytes;
  if (key !== undefined) bytes += 4 + INTEGRITY_BYTES + 8;
  const message = Buffer.alloc(bytes);
  message.writeUInt16BE(type, 0);
  message.writeUInt16BE(bytes - HEADER_BYTES, 2);
  message.writeUInt32BE(MAGIC_COOKIE, 4);
  transactionId.copy(message, 8);
  let at = HEADER_BYTES;
  for (const [attributeType, value] of attributes) {
    writeAttributeHeader(message, at, attributeType, value.length);
    value.copy(message, at + 4);
    at += 4 + ((value.length + 3) & ~3);
  }
  if (key !== undefined) sign(message, integrityAt, key);
  return message;
}

function sign(message: Buffer, at: number, key: string | Buffer): void {
  message.writeUInt16BE(at + 4 + INTEGRITY_BYTES - HEADER_BYTES, 2);
  writeAttributeHeader(message, at, STUN_ATTRIBUTE.messageIntegrity, INTEGRITY_BYTES);
  createHmac('sha1', key)
    .update(message.subarray(0, at))
    .digest()
    .copy(message, at + 4);
  const fingerprintAt = at + 4 + INTEGRITY_BYTES;
  message.writeUInt16BE(message.length - HEADER_BYTES, 2);
  writeAttributeHeader(message, fingerprintAt, STUN_ATTRIBUTE.fingerprint, 4);
  message.writeUInt32BE(fingerprint(message, fingerprintAt), fingerprintAt + 4);
}

function writeAttributeHeader(message: Buffer, at: number, type: number, length: number): void {
  message.writeUInt16BE(type, at);
  message.writeUInt16BE(length, at + 2);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** The error code (RFC 8489 section 14.8); 0 when there is none. */
export function errorCode({ attributes }: StunMessage): number {
  const value = attributes.get(STUN_ATTRIBUTE.errorCode);
  return value && value.length >= 4 ? (value[2]! & 7) * 100 + value[3]! : 0;
}

export function errorValue(code: number, reason: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, Math.floor(code / 100), code % 100]), Buffer.from(reason)]);
}

/** XOR-MAPPED-ADDRESS and its like (RFC 8489 section 14.2). */
export function xorAddress({ address, port }: Endpoint, transactionId: Buffer): Buffer {
  const bytes = addressBytes(address);
  const value = Buffer.alloc(4 + bytes.length);
  value[1] = bytes.length === 4 ? 1 : 2;
  value.writeUInt16BE(port ^ (MAGIC_COOKIE >>> 16), 2);
  const mask = xorMask(transactionId);
  for (let i = 0; i < bytes.length; i += 1) value[4 + i] = bytes[i]! ^ mask[i]!;
  return value;
}

export function readXorAddress(value: Buffer | undefined, transactionId: Buffer): Endpoint | undefined {
  if (!value || value.length < 8) return undefined;
  const length = value[1] === 1 ? 4 : value[1] === 2 ? 16 : 0;
  if (length === 0 || value.length < 4 + length) return undefined;
  const mask = xorMask(transactionId);
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i += 1) bytes[i] = value[4 + i]! ^ mask[i]!;
  const port = value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16);
  return { address: formatAddress(bytes), port };
}

function xorMask(transactionId: Buffer): Buffer {
  return Buffer.concat([uint32(MAGIC_COOKIE), transactionId]);
}

function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = withoutDottedQuad(address).split('::');
  const front = groups(head);
  const back = tail === undefined ? NO_BYTES : groups(tail);
  return Buffer.concat([front, Buffer.alloc(Math.max(0, 16 - front.length - back.length)), back], 16);
}

/** `::ffff:192.0.2.1` → `::ffff:c000:201`. */
function withoutDottedQuad(address: string): string {
  return address.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a, b, c, d) => `${hexWord(a, b)}:${hexWord(c, d)}`,
  );
}

function hexWord(high: unknown, low: unknown): string {
  return ((Number(high) << 8) | Number(low)).toString(16);
}

function groups(text: string): Buffer {
  if (text === '') return NO_BYTES;
  const words = text.split(':').map((group) => Number.parseInt(group, 16));
  const bytes = Buffer.alloc(words.length * 2);
  words.forEach((word, i) => bytes.writeUInt16BE(word & 0xffff, i * 2));
  return bytes;
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return canonicalAddress(words.join(':'));
}

/** IPv6 addresses have many spellings; sockets report this one. */
export function canonicalAddress(address: string): string {
  if (!address.includes(':')) return address;
  return new SocketAddress({ address, family: 'ipv6' }).address;
}
