/** Data Channel Establishment Protocol (RFC 8832). */
export const PROTOCOL = { control: 50, text: 51, binary: 53, emptyText: 56, emptyBinary: 57 } as const;

const ACK = 2;
const OPEN = 3;
const OPEN_FIXED_BYTES = 12;
const UNORDERED = 0x80;
const LIMITED_RETRANSMITS = 1;
const LIMITED_LIFETIME = 2;
/** Bytes of label and protocol together. */
const MAX_NAME_BYTES = 1_024;

export interface ChannelTerms {
  label: string;
  protocol: string;
  ordered: boolean;
  /** Undefined (both): reliable. */
  maxRetransmits: number | undefined;
  maxLifetimeMs: number | undefined;
}

export type ControlMessage = { type: 'ack' } | { type: 'open'; terms: ChannelTerms };

/** Undefined when it is malformed or its names are too long. */
export function readControlMessage(data: Buffer): ControlMessage | undefined {
  if (data[0] === ACK) return { type: 'ack' };
  if (data[0] !== OPEN || data.length < OPEN_FIXED_BYTES) return undefined;
  const kind = data.readUInt8(1);
  const reliability = data.readUInt32BE(4);
  const labelEnds = OPEN_FIXED_BYTES + data.readUInt16BE(8);
  const protocolEnds = labelEnds + data.readUInt16BE(10);
  if (protocolEnds > data.length || protocolEnds > OPEN_FIXED_BYTES + MAX_NAME_BYTES) return undefined;
  const limit = kind & ~UNORDERED;
  if (limit > LIMITED_LIFETIME) return undefined;
  const terms = {
    label: data.toString('utf8', OPEN_FIXED_BYTES, labelEnds),
    protocol: data.toString('utf8', labelEnds, protocolEnds),
    ordered: (kind & UNORDERED) === 0,
    maxRetransmits: limit === LIMITED_RETRANSMITS ? reliability : undefined,
    maxLifetimeMs: limit === LIMITED_LIFETIME ? reliability : undefined,
  };
  return { type: 'open', terms };
}

export function writeAck(): Buffer {
  return Buffer.from([ACK]);
}

export function writeOpen({ label, protocol, ordered, maxRetransmits, maxLifetimeMs }: ChannelTerms): Buffer {
  const names = [Buffer.from(label), Buffer.from(protocol)] as const;
  const fixed = Buffer.alloc(OPEN_FIXED_BYTES);
  const limit =
    maxRetransmits !== undefined ? LIMITED_RETRANSMITS : maxLifetimeMs !== undefined ? LIMITED_LIFETIME : 0;
  fixed.writeUInt8(OPEN, 0);
  fixed.writeUInt8(limit | (ordered ? 0 : UNORDERED), 1);
  fixed.writeUInt32BE(maxRetransmits ?? maxLifetimeMs ?? 0, 4);
  fixed.writeUInt16BE(names[0].length, 8);
  fixed.writeUInt16BE(names[1].length, 10);
  return Buffer.concat([fixed, ...names]);
}
