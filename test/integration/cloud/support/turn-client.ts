import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface TurnTarget {
  transport: 'udp' | 'tcp' | 'tls';
  address: string;
  port: number;
  username: string;
  password: string;
  caPath: string;
}

type Exchange = (request: Buffer) => Promise<Buffer>;

const MAGIC_COOKIE = 0x2112a442;
const ALLOCATE = 0x0003;
const ALLOCATE_SUCCESS = 0x0103;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const ERROR_CODE = 0x0009;
const REALM = 0x0014;
const NONCE = 0x0015;
const REQUESTED_TRANSPORT = 0x0019;

/** Asks for a relay address with long-term credentials (RFC 8656 §7): 0 where granted, else the STUN error code. */
export async function allocate(target: TurnTarget): Promise<number> {
  const { exchange, close } = await open(target);
  try {
    const challenge = parse(await exchange(message([transport()])));
    const realm = challenge.attributes.get(REALM)?.toString() ?? '';
    const nonce = challenge.attributes.get(NONCE) ?? Buffer.alloc(0);
    const key = createHash('md5').update(`${target.username}:${realm}:${target.password}`).digest();
    const attributes = [
      transport(),
      attribute(USERNAME, Buffer.from(target.username)),
      attribute(REALM, Buffer.from(realm)),
      attribute(NONCE, nonce),
    ];
    const answer = parse(await exchange(signed(message(attributes), key)));
    if (answer.type === ALLOCATE_SUCCESS) return 0;
    const error = answer.attributes.get(ERROR_CODE);
    return error ? error.readUInt8(2) * 100 + error.readUInt8(3) : -1;
  } finally {
    close();
  }
}

async function open({ transport: kind, address, port, caPath }: TurnTarget) {
  const signal = AbortSignal.timeout(5000);
  if (kind === 'udp') {
    const socket = createSocket('udp4');
    const exchange: Exchange = async (request) => {
      socket.send(request, port, address);
      return firstBuffer(await once(socket, 'message', { signal }));
    };
    return { exchange, close: () => void socket.close() };
  }
  const socket: Socket =
    kind === 'tcp'
      ? connectTcp(port, address)
      : connectTls({ port, host: address, ca: readFileSync(caPath) });
  await once(socket, kind === 'tcp' ? 'connect' : 'secureConnect', { signal });
  const exchange: Exchange = async (request) => {
    socket.write(request);
    // An answer fits in one segment.
    return firstBuffer(await once(socket, 'data', { signal }));
  };
  return { exchange, close: () => void socket.destroy() };
}

function firstBuffer([reply]: unknown[]): Buffer {
  if (!Buffer.isBuffer(reply)) throw new Error('no answer');
  return reply;
}

function message(attributes: Buffer[]): Buffer {
  const body = Buffer.concat(attributes);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(ALLOCATE, 0);
  header.writeUInt16BE(body.length, 2);
  header.writeUInt32BE(MAGIC_COOKIE, 4);
  randomBytes(12).copy(header, 8);
  return Buffer.concat([header, body]);
}

function signed(unsigned: Buffer, key: Buffer): Buffer {
  // The length already counts the attribute that is being made (RFC 8489 §14.5).
  unsigned.writeUInt16BE(unsigned.readUInt16BE(2) + 24, 2);
  const integrity = createHmac('sha1', key).update(unsigned).digest();
  return Buffer.concat([unsigned, attribute(MESSAGE_INTEGRITY, integrity)]);
}

/** UDP (17) between the relay and its peers. */
function transport(): Buffer {
  return attribute(REQUESTED_TRANSPORT, Buffer.from([17, 0, 0, 0]));
}

function attribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
}

function parse(data: Buffer): { type: number; attributes: Map<number, Buffer> } {
  const attributes = new Map<number, Buffer>();
  for (let offset = 20; offset + 4 <= data.length;) {
    const length = data.readUInt16BE(offset + 2);
    attributes.set(data.readUInt16BE(offset), data.subarray(offset + 4, offset + 4 + length));
    offset += 4 + Math.ceil(length / 4) * 4;
  }
  return { type: data.readUInt16BE(0), attributes };
}
