import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';

export interface ZipEntry {
  /** ASCII, with `/` between folders. */
  name: string;
  data: Buffer;
  isExecutable?: boolean;
  /** `data` as `compress` made it, where that is known already. */
  compressed?: Buffer;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_OF_DIRECTORY = 0x06054b50;
const VERSION = 20;
/** High byte: the attributes are Unix modes. */
const MADE_BY_UNIX = (3 << 8) | VERSION;
const DEFLATE = 8;
/** 1980-01-01 00:00, the first moment there is in a zip file: times would make each build another one. */
const DOS_DATE = (1 << 5) | 1;
const REGULAR_FILE = 0o100000;

const deflate = promisify(deflateRaw);

export function compress(data: Buffer): Promise<Buffer> {
  return deflate(data, { level: constants.Z_BEST_COMPRESSION });
}

/**
 * A zip file (PKWARE APPNOTE 6.3, no zip64: below 4 GB and 65,536 entries) with the entries in the order of their
 * names. The same entries make the same bytes.
 */
export async function createZip(entries: readonly ZipEntry[]): Promise<Buffer> {
  const sorted = entries.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const packed = await Promise.all(
    sorted.map(async (entry) => entry.compressed ?? (await compress(entry.data))),
  );
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [index, entry] of sorted.entries()) {
    const data = packed[index] ?? Buffer.alloc(0);
    const name = Buffer.from(entry.name, 'ascii');
    const common = commonFields(entry.data, data.length, name.length);
    const local = Buffer.concat([signed(LOCAL_HEADER), common, name, data]);
    directory.push(signed(CENTRAL_HEADER), directoryFields(common, entry, offset), name);
    files.push(local);
    offset += local.length;
  }
  const listing = Buffer.concat(directory);
  return Buffer.concat([...files, listing, endRecord(sorted.length, listing.length, offset)]);
}

/** What the header of a file and its entry in the directory share (4.3.7 from "version needed" on). */
function commonFields(data: Buffer, packedLength: number, nameLength: number): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(VERSION, 0);
  fields.writeUInt16LE(DEFLATE, 4);
  fields.writeUInt16LE(DOS_DATE, 8);
  fields.writeUInt32LE(crc32(data), 10);
  fields.writeUInt32LE(packedLength, 14);
  fields.writeUInt32LE(data.length, 18);
  fields.writeUInt16LE(nameLength, 22);
  return fields;
}

function directoryFields(common: Buffer, { isExecutable }: ZipEntry, offset: number): Buffer {
  const madeBy = Buffer.alloc(2);
  madeBy.writeUInt16LE(MADE_BY_UNIX);
  const rest = Buffer.alloc(14);
  const mode = REGULAR_FILE | (isExecutable ? 0o755 : 0o644);
  rest.writeUInt32LE(mode * 0x10000, 6);
  rest.writeUInt32LE(offset, 10);
  return Buffer.concat([madeBy, common, rest]);
}

function endRecord(count: number, length: number, offset: number): Buffer {
  const fields = Buffer.alloc(22);
  fields.writeUInt32LE(END_OF_DIRECTORY, 0);
  fields.writeUInt16LE(count, 8);
  fields.writeUInt16LE(count, 10);
  fields.writeUInt32LE(length, 12);
  fields.writeUInt32LE(offset, 16);
  return fields;
}

function signed(signature: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(signature);
  return bytes;
}
