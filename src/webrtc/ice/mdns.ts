import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { networkInterfaces } from '../../runtime/network-interfaces.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { canonicalAddress } from './stun.ts';

const GROUP = '224.0.0.251';
const PORT = 5353;
const TYPE_A = 1;
const TYPE_AAAA = 28;
const CLASS_IN = 1;
/** A viewer in the same network answers in milliseconds. */
const ASK_AGAIN_MS = [200, 600, 1_500];
const GIVE_UP_MS = 3_000;
const MAX_LOOKUPS = 64;
/** A responder answers once a second (RFC 6762 section 6): a page with several cameras would wait for each. */
const REMEMBER_MS = 60_000;
const MAX_REMEMBERED = 64;
const HEADER_BYTES = 12;
const MAX_RECORDS = 32;

type LookupCallback = (error: null, address: string, family: number) => void;

interface Lookup {
  listeners: Array<(address: string | undefined) => void>;
  timers: Timer[];
}

/**
 * Resolves the `.local` names behind which browsers hide their host candidates (RFC 6762, draft-ietf-mmusic-mdns-ice-candidates).
 * Shared by all viewers; its socket is open only while something is asked.
 */
export class MdnsResolver {
  readonly #clock: Clock;
  readonly #lookups = new Map<string, Lookup>();
  readonly #remembered = new Map<string, { address: string; untilMs: number }>();
  #socket: Socket | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The address behind a name; undefined when nobody answers within 3 s. Never rejects. */
  resolve(name: string): Promise<string | undefined> {
    const remembered = this.#remembered.get(name);
    if (remembered && remembered.untilMs > this.#clock.monotonic())
      return Promise.resolve(remembered.address);
    return new Promise((resolve) => {
      const known = this.#lookups.get(name);
      if (known) return void known.listeners.push(resolve);
      if (this.#lookups.size >= MAX_LOOKUPS) return resolve(undefined);
      const ask = () => this.#ask(name);
      const timers = ASK_AGAIN_MS.map((delayMs) => this.#clock.after(delayMs, ask));
      timers.push(this.#clock.after(GIVE_UP_MS, () => this.#settle(name, undefined)));
      this.#lookups.set(name, { listeners: [resolve], timers });
      if (this.#socket) ask();
      else this.#open();
    });
  }

  #open(): void {
    const socket = createSocket({
      type: 'udp4',
      reuseAddr: true,
      // In place, so that each query leaves by the interface that was set just before it.
      lookup: (host: string, _options: unknown, callback: LookupCallback) => callback(null, host, 4),
    });
    this.#socket = socket;
    socket.on('error', () => {
      // No multicast here, or the port is taken: names stay unresolved, the viewer's own checks remain.
      for (const name of this.#lookups.keys()) this.#settle(name, undefined);
    });
    socket.on('message', (message) => {
      for (const { name, address } of readAnswers(message)) this.#answered(name, address);
    });
    socket.bind(PORT, () => {
      for (const address of localIpv4()) {
        try {
          socket.addMembership(GROUP, address);
        } catch {
          // An interface without multicast.
        }
      }
      for (const name of this.#lookups.keys()) this.#ask(name);
    });
  }

  #ask(name: string): void {
    const socket = this.#socket;
    if (!socket) return;
    // Chrome's responder ignores a query with two questions.
    const queries = [writeQuery(name, TYPE_A), writeQuery(name, TYPE_AAAA)];
    for (const address of localIpv4()) {
      try {
        socket.setMulticastInterface(address);
        for (const query of queries) socket.send(query, PORT, GROUP);
      } catch {
        // Not bound yet, or the interface has just gone.
      }
    }
  }

  #answered(name: string, address: string): void {
    if (!this.#lookups.has(name)) return;
    this.#remembered.delete(name);
    this.#remembered.set(name, { address, untilMs: this.#clock.monotonic() + REMEMBER_MS });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    this.#settle(name, address);
  }

  #settle(name: string, address: string | undefined): void {
    const lookup = this.#lookups.get(name);
    if (!lookup) return;
    this.#lookups.delete(name);
    for (const timer of lookup.timers) timer.cancel();
    for (const listener of lookup.listeners) listener(address);
    if (this.#lookups.size > 0) return;
    this.#socket?.close();
    this.#socket = undefined;
  }
}

function localIpv4(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((infos = []) => infos)
    .flatMap(({ family, address }) => (family === 'IPv4' ? [address] : []));
}

/** One question (RFC 6762 section 5.1). */
function writeQuery(name: string, type: number): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([
    header,
    ...labels.flatMap((label) => [Buffer.from([label.length]), label]),
    Buffer.from([0, 0, type, 0, CLASS_IN]),
  ]);
}

/** The addresses in an mDNS response from anybody on the network; what is malformed ends the reading. */
export function readAnswers(message: Buffer): Array<{ name: string; address: string }> {
  const answers: Array<{ name: string; address: string }> = [];
  if (message.length < HEADER_BYTES || (message[2]! & 0x80) === 0) return answers;
  const questions = message.readUInt16BE(4);
  const records = Math.min(message.readUInt16BE(6), MAX_RECORDS);
  let at = HEADER_BYTES;
  for (let i = 0; i < Math.min(questions, MAX_RECORDS); i += 1) {
    const name = readName(message, at);
    if (!name) return answers;
    at = name.end + 4;
  }
  for (let i = 0; i < records; i += 1) {
    const name = readName(message, at);
    if (!name || name.end + 10 > message.length) return answers;
    const type = message.readUInt16BE(name.end);
    const start = name.end + 10;
    at = start + message.readUInt16BE(name.end + 8);
    if (at > message.length) return answers;
    const address = readAddress(type, message.subarray(start, at));
    if (address !== undefined) answers.push({ name: name.text.toLowerCase(), address });
  }
  return answers;
}

function readAddress(type: number, data: Buffer): string | undefined {
  if (type === TYPE_A && data.length === 4) return data.join('.');
  if (type !== TYPE_AAAA || data.length !== 16) return undefined;
  const address = Array.from({ length: 8 }, (_, i) => data.readUInt16BE(i * 2).toString(16)).join(':');
  return isIP(address) === 6 ? canonicalAddress(address) : undefined;
}

/** RFC 1035 section 4.1.4, with a bound on the jumps. */
function readName(message: Buffer, from: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = from;
  let end = -1;
  for (let steps = 0; steps < 64; steps += 1) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return { text: labels.join('.'), end: end < 0 ? at + 1 : end };
    if ((length & 0xc0) === 0xc0) {
      if (at + 2 > message.length) return undefined;
      if (end < 0) end = at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
    } else {
      labels.push(message.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
  return undefined;
}
