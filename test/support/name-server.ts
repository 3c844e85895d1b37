import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const PORT = 53;
const HEADER_BYTES = 12;
/** QTYPE and QCLASS behind the name. */
const QUESTION_END_BYTES = 5;
const TYPE_A = 1;
/** Response, recursion desired and available. */
const ANSWERED = 0x8180;
const NO_SUCH_NAME = 0x8183;
const TTL_SECONDS = 1;

/** A DNS server that knows one name and its IPv4 address (RFC 1035, 4.1). For the port it wants root. */
export class NameServer {
  /** How many questions came. */
  asked = 0;
  readonly #socket: Socket;

  private constructor(name: string, ipv4: string) {
    this.#socket = createSocket('udp4');
    this.#socket.on('message', (query, { port, address }) => {
      this.asked += 1;
      this.#socket.send(answer(query, name, ipv4), port, address);
    });
  }

  static async start(address: string, name: string, ipv4: string): Promise<NameServer> {
    const server = new NameServer(name, ipv4);
    server.#socket.bind(PORT, address);
    await once(server.#socket, 'listening');
    return server;
  }

  close(): void {
    this.#socket.close();
  }
}

function answer(query: Buffer, name: string, ipv4: string): Buffer {
  const nameEnd = query.indexOf(0, HEADER_BYTES);
  const question = query.subarray(HEADER_BYTES, nameEnd + QUESTION_END_BYTES);
  const isKnown = nameOf(question) === name.toLowerCase();
  const hasAddress = isKnown && question.readUInt16BE(nameEnd - HEADER_BYTES + 1) === TYPE_A;
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(isKnown ? ANSWERED : NO_SUCH_NAME, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(hasAddress ? 1 : 0, 6);
  if (!hasAddress) return Buffer.concat([header, question]);
  // The name by a pointer to the question's, type A, class IN.
  const record = [
    0xc0,
    HEADER_BYTES,
    0,
    TYPE_A,
    0,
    1,
    0,
    0,
    0,
    TTL_SECONDS,
    0,
    4,
    ...ipv4.split('.').map(Number),
  ];
  return Buffer.concat([header, question, Buffer.from(record)]);
}

function nameOf(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 0, length = question[0] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return labels.join('.').toLowerCase();
}
