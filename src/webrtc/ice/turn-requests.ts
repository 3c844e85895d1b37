import { createHash } from 'node:crypto';
import type { Clock, Timer } from '../../runtime/clock.ts';
import {
  errorCode,
  hasIntegrity,
  isError,
  isSuccess,
  newTransactionId,
  STUN_ATTRIBUTE,
  writeStun,
  type StunAttributes,
  type StunMessage,
} from './stun.ts';
import type { TurnLink } from './turn-link.ts';

/** RFC 8489 section 6.2.1 begins with 500 ms; relays are near, and a lost packet must not cost that much. */
const RETRY_MS = 200;
const MAX_TRIES = 5;
const TIMEOUT_MS = 6_000;

export interface TurnCredentials {
  username: string;
  /** Never logged. */
  password: string;
}

/** The server said no. */
export class TurnError extends Error {
  override readonly name = 'TurnError';
  /** RFC 8656 section 19, e.g. 403 forbidden, 486 quota reached. */
  readonly code: number;

  constructor(code: number) {
    super(`the TURN server answered with error ${code}`);
    this.code = code;
  }
}

interface Pending {
  resolve: (response: StunMessage) => void;
  reject: (error: Error) => void;
  timer: Timer | undefined;
}

/** Requests to one TURN server with long-term credentials (RFC 8489 section 9.2), repeated over UDP until answered. */
export class TurnRequests {
  readonly #link: TurnLink;
  readonly #credentials: TurnCredentials;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  #realm: Buffer | undefined;
  #nonce: Buffer | undefined;
  #key: Buffer | undefined;

  constructor(link: TurnLink, credentials: TurnCredentials, clock: Clock) {
    this.#link = link;
    this.#credentials = credentials;
    this.#clock = clock;
  }

  /** @throws TurnError when refused; Error when there is no answer. */
  async send(type: number, attributes: (transactionId: Buffer) => StunAttributes): Promise<StunMessage> {
    for (let challenges = 0; ; challenges += 1) {
      const response = await this.#exchange(type, attributes);
      if (isSuccess(response)) return response;
      const code = errorCode(response);
      // 401: who are you; 438: the nonce is too old.
      const isChallenge = code === 438 || (code === 401 && this.#key === undefined);
      if (!isChallenge || challenges === 2 || !this.#learn(response)) throw new TurnError(code);
    }
  }

  /** Sends without waiting for an answer. */
  sendOnce(type: number, attributes: StunAttributes): void {
    const { message } = this.#message(type, () => attributes);
    this.#link.send(message);
  }

  onResponse(response: StunMessage): void {
    const id = response.transactionId.toString('latin1');
    const pending = this.#pending.get(id);
    if (!pending || (!isSuccess(response) && !isError(response))) return;
    if (isSuccess(response) && this.#key && !hasIntegrity(response, this.#key)) return;
    this.#forget(id);
    pending.resolve(response);
  }

  close(error: Error): void {
    for (const [id, { reject }] of this.#pending) {
      this.#forget(id);
      reject(error);
    }
  }

  #exchange(type: number, attributes: (id: Buffer) => StunAttributes): Promise<StunMessage> {
    const { id, message } = this.#message(type, attributes);
    return new Promise((resolve, reject) => {
      const pending: Pending = { resolve, reject, timer: undefined };
      this.#pending.set(id, pending);
      this.#attempt(id, message, pending, 0);
    });
  }

  #attempt(id: string, message: Buffer, pending: Pending, tries: number): void {
    const isStream = this.#link.transport !== 'udp';
    this.#link.send(message);
    const waitMs = isStream ? TIMEOUT_MS : RETRY_MS * 2 ** tries;
    pending.timer = this.#clock.after(waitMs, () => {
      if (!isStream && tries + 1 < MAX_TRIES) return this.#attempt(id, message, pending, tries + 1);
      this.#forget(id);
      pending.reject(new Error('the TURN server does not answer'));
    });
  }

  #message(type: number, attributes: (id: Buffer) => StunAttributes): { id: string; message: Buffer } {
    const transactionId = newTransactionId();
    const login: StunAttributes =
      this.#realm && this.#nonce
        ? [
            [STUN_ATTRIBUTE.username, Buffer.from(this.#credentials.username)],
            [STUN_ATTRIBUTE.realm, this.#realm],
            [STUN_ATTRIBUTE.nonce, this.#nonce],
          ]
        : [];
    const message = writeStun(type, transactionId, [...attributes(transactionId), ...login], this.#key);
    return { id: transactionId.toString('latin1'), message };
  }

  #learn({ attributes }: StunMessage): boolean {
    const { username, password } = this.#credentials;
    this.#realm = attributes.get(STUN_ATTRIBUTE.realm) ?? this.#realm;
    this.#nonce = attributes.get(STUN_ATTRIBUTE.nonce);
    if (!this.#realm || !this.#nonce) return false;
    this.#key = createHash('md5').update(`${username}:${this.#realm.toString()}:${password}`).digest();
    return true;
  }

  #forget(id: string): void {
    this.#pending.get(id)?.timer?.cancel();
    this.#pending.delete(id);
  }
}
