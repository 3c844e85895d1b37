import { CHUNK, readParameters, writeChunk, writeParameter } from './packet.ts';

const FIXED_BYTES = 16;
const STATE_COOKIE = 7;
const SUPPORTED_EXTENSIONS = 0x8008;
const FORWARD_TSN_SUPPORTED = 0xc000;

/** One side's terms (RFC 9260 section 3.3.2). */
export interface Init {
  verificationTag: number;
  windowBytes: number;
  outboundStreams: number;
  inboundStreams: number;
  initialTsn: number;
  /** RFC 3758: messages may be given up. */
  hasForwardTsn: boolean;
}

/** Undefined when it is malformed. */
export function readInit(body: Buffer): (Init & { cookie: Buffer | undefined }) | undefined {
  if (body.length < FIXED_BYTES) return undefined;
  const verificationTag = body.readUInt32BE(0);
  const outboundStreams = body.readUInt16BE(8);
  const inboundStreams = body.readUInt16BE(10);
  if (verificationTag === 0 || outboundStreams === 0 || inboundStreams === 0) return undefined;
  const parameters = readParameters(body.subarray(FIXED_BYTES));
  const extensions = parameters.find(({ type }) => type === SUPPORTED_EXTENSIONS)?.value;
  return {
    verificationTag,
    windowBytes: body.readUInt32BE(4),
    outboundStreams,
    inboundStreams,
    initialTsn: body.readUInt32BE(12),
    hasForwardTsn:
      parameters.some(({ type }) => type === FORWARD_TSN_SUPPORTED) ||
      extensions?.includes(CHUNK.forwardTsn) === true,
    cookie: parameters.find(({ type }) => type === STATE_COOKIE)?.value,
  };
}

/** INIT, or with a cookie INIT ACK. */
export function writeInit(init: Init, cookie?: Buffer): Buffer {
  const body = writeInitBody(init);
  const parameters = [
    writeParameter(FORWARD_TSN_SUPPORTED, Buffer.alloc(0)),
    writeParameter(SUPPORTED_EXTENSIONS, Buffer.from([CHUNK.reconfig, CHUNK.forwardTsn])),
    ...(cookie ? [writeParameter(STATE_COOKIE, cookie)] : []),
  ];
  return writeChunk(cookie ? CHUNK.initAck : CHUNK.init, 0, body, ...parameters);
}

/** The fixed part alone. */
export function writeInitBody(init: Init): Buffer {
  const body = Buffer.alloc(FIXED_BYTES);
  body.writeUInt32BE(init.verificationTag, 0);
  body.writeUInt32BE(init.windowBytes, 4);
  body.writeUInt16BE(init.outboundStreams, 8);
  body.writeUInt16BE(init.inboundStreams, 10);
  body.writeUInt32BE(init.initialTsn, 12);
  return body;
}
