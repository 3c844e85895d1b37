import { createHash } from 'node:crypto';
import {
  errorValue,
  hasIntegrity,
  isRequest,
  parseStun,
  STUN_ATTRIBUTE,
  STUN_TYPE,
  uint32,
  writeStun,
  xorAddress,
  type StunAttributes,
  type StunMessage,
} from '../../../../src/webrtc/ice/stun.ts';
import type { TurnLink } from '../../../../src/webrtc/ice/turn-link.ts';

const REALM = 'stub.local';
export const RELAYED = { address: '198.51.100.7', port: 50_000 };
export const MAPPED = { address: '203.0.113.9', port: 40_000 };
const SUCCESS = 0x0100;
const ERROR = 0x0110;

/** The far end of a link: a TURN server that checks long-term credentials (RFC 8489 section 9.2.4) and grants everything. */
export class StubTurnServer implements TurnLink {
  readonly localAddress = '192.0.2.1';
  readonly sendErrors = 0;
  readonly transport: 'udp' | 'tcp';
  onMessage: (message: Buffer) => void = () => {};
  onClosed: (error: Error) => void = () => {};
  closed = false;
  /** Requests that were understood, in order; `data` of indications and channels. */
  readonly requests: StunMessage[] = [];
  readonly carried: Buffer[] = [];
  /** Error code for a request; undefined: granted. */
  refuses: (request: StunMessage) => number | undefined = () => undefined;
  /** What arrives at the server. */
  arrives: (message: Buffer) => boolean = () => true;
  /** Of the answers' signature. */
  signsWith: string;
  nonce = 'first';
  arrivals = 0;
  readonly #password: string;

  constructor(password: string, transport: 'udp' | 'tcp' = 'udp') {
    this.#password = password;
    this.signsWith = password;
    this.transport = transport;
  }

  send(message: Uint8Array): boolean {
    const data = Buffer.from(message);
    this.arrivals += 1;
    if (!this.arrives(data)) return true;
    const request = parseStun(data);
    if (!request) this.carried.push(data);
    else if (isRequest(request)) queueMicrotask(() => this.#answer(request));
    return true;
  }

  close(): void {
    this.closed = true;
  }

  count(type: number): number {
    return this.requests.filter((request) => request.type === type).length;
  }

  #answer(request: StunMessage): void {
    const { attributes, type, transactionId } = request;
    const username = attributes.get(STUN_ATTRIBUTE.username)?.toString();
    const keyOf = (password: string) => createHash('md5').update(`${username}:${REALM}:${password}`).digest();
    const challenge: StunAttributes = [
      [STUN_ATTRIBUTE.realm, Buffer.from(REALM)],
      [STUN_ATTRIBUTE.nonce, Buffer.from(this.nonce)],
    ];
    const refuse = (code: number, more: StunAttributes = []) => {
      const error = [STUN_ATTRIBUTE.errorCode, errorValue(code, 'no')] as const;
      this.onMessage(writeStun(type | ERROR, transactionId, [error, ...more]));
    };
    if (username === undefined || !hasIntegrity(request, keyOf(this.#password)))
      return refuse(401, challenge);
    if (attributes.get(STUN_ATTRIBUTE.nonce)?.toString() !== this.nonce) return refuse(438, challenge);
    this.requests.push(request);
    const code = this.refuses(request);
    if (code !== undefined) return refuse(code);
    const granted: StunAttributes =
      type === STUN_TYPE.allocateRequest
        ? [
            [STUN_ATTRIBUTE.xorRelayedAddress, xorAddress(RELAYED, transactionId)],
            [STUN_ATTRIBUTE.xorMappedAddress, xorAddress(MAPPED, transactionId)],
          ]
        : [];
    const lifetime = [
      STUN_ATTRIBUTE.lifetime,
      attributes.get(STUN_ATTRIBUTE.lifetime) ?? uint32(600),
    ] as const;
    this.onMessage(writeStun(type | SUCCESS, transactionId, [...granted, lifetime], keyOf(this.signsWith)));
  }
}
