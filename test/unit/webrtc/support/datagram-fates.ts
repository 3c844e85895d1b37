/** Decides the fate of the n-th datagram from one end: what arrives instead of it. */
export type Fate = (datagram: Buffer, index: number) => Buffer[];

export const as: Fate = (datagram) => [datagram];
export const twice: Fate = (datagram) => [datagram, datagram];
export const random: Fate = (datagram) =>
  Array.from({ length: [0, 1, 1, 1, 2][Math.floor(Math.random() * 5)] ?? 1 }, () => datagram);
export const lost =
  (first: number, count = 1): Fate =>
  (datagram, i) =>
    i >= first && i < first + count ? [] : [datagram];

const RECORD_BYTES = 13;
const HANDSHAKE_BYTES = 12;

/** The records of a datagram, and each plain handshake message in pieces (RFC 6347 section 4.2.3), as large hellos come. */
function inPieces(datagram: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < datagram.length;) {
    const end = at + RECORD_BYTES + datagram.readUInt16BE(at + 11);
    const header = datagram.subarray(at, at + RECORD_BYTES);
    const message = datagram.subarray(at + RECORD_BYTES, end);
    const isPlainHandshake = header[0] === 22 && header.readUInt16BE(3) === 0;
    if (!isPlainHandshake) pieces.push(datagram.subarray(at, end));
    else pieces.push(...messageInPieces(header, message, size));
    at = end;
  }
  return pieces;
}

function messageInPieces(header: Buffer, message: Buffer, size: number): Buffer[] {
  const body = message.subarray(HANDSHAKE_BYTES);
  return Array.from({ length: Math.max(1, Math.ceil(body.length / size)) }, (_, i) => {
    const part = body.subarray(i * size, (i + 1) * size);
    const piece = Buffer.concat([header, message.subarray(0, HANDSHAKE_BYTES), part]);
    piece.writeUInt16BE(HANDSHAKE_BYTES + part.length, 11);
    piece.writeUIntBE(i * size, RECORD_BYTES + 6, 3);
    piece.writeUIntBE(part.length, RECORD_BYTES + 9, 3);
    return piece;
  });
}

/** Each flight in many pieces, the last first. */
export const backwards: Fate = (datagram) => inPieces(datagram, 50).toReversed();

/** A piece of the first flight is lost; the repetition is cut in other places. */
export const withoutSecondPiece: Fate = (datagram, i) =>
  i === 0 ? inPieces(datagram, 60).toSpliced(1, 1) : inPieces(datagram, 70);
