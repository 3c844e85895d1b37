import type { JsonObject } from '../config/layers.ts';
import { errorText } from '../errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { NotConnectedError, type MessageBus } from './mqtt-connection.ts';

const ANSWER_TIMEOUT_MS = 10_000;
/** An answer takes about 100 ms; a request that meets a service in trouble may be lost. */
const RESEND_INTERVAL_MS = 3000;

/** The shadow service said no. `code` is as HTTP's: 400, 401, 403, 404, 409, 413, 415, 429, 500. */
export class ShadowRejectedError extends Error {
  override readonly name = 'ShadowRejectedError';
  readonly code: number;

  constructor(operation: string, { code, message }: JsonObject) {
    super(
      `shadow ${operation} was rejected with code ${errorText(code)}: ${errorText(message).slice(0, 200)}`,
    );
    this.code = typeof code === 'number' ? code : 500;
  }
}

/** Asked and not answered, although connected. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';

  constructor(operation: string) {
    super(`shadow ${operation}: no answer within ${ANSWER_TIMEOUT_MS / 1000} s`);
  }
}

interface Pending {
  operation: string;
  clientToken: string;
  resolve(answer: JsonObject): void;
  reject(error: Error): void;
}

/** Request and answer over a shadow's topics, told apart by `clientToken`; one at a time. */
export class ShadowRequests {
  readonly #bus: MessageBus;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #random: Random;
  #pending: Pending | undefined;

  constructor(bus: MessageBus, prefix: string, clock: Clock, random: Random) {
    this.#bus = bus;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * The answer from `…/accepted`. Rejects with `ShadowRejectedError`, `NoAnswerError`, and what the bus's `publish`
   * rejects with.
   */
  async send(operation: 'get' | 'update', body: JsonObject): Promise<JsonObject> {
    const clientToken = `${this.#random.uint32().toString(36)}-${this.#random.uint32().toString(36)}`;
    const answered = new Promise<JsonObject>((resolve, reject) => {
      this.#pending = { operation, clientToken, resolve, reject };
    });
    const message = JSON.stringify({ ...body, clientToken });
    const publish = () => this.#bus.publish(`${this.#prefix}/${operation}`, message);
    const timer = this.#clock.after(ANSWER_TIMEOUT_MS, () =>
      this.#pending?.reject(new NoAnswerError(operation)),
    );
    // Both operations may be done twice. What a resend fails with, the first publish or the timeout tells as well.
    const resend = this.#clock.every(RESEND_INTERVAL_MS, () => void publish().catch(() => {}));
    try {
      // The answer may come before the broker's acknowledgement.
      return await Promise.race([answered, publish().then(() => answered)]);
    } finally {
      timer.cancel();
      resend.cancel();
      this.#pending = undefined;
    }
  }

  /** `topic`: the part after the shadow's name, e.g. `get/accepted`. */
  receive(topic: string, message: JsonObject): void {
    const pending = this.#pending;
    if (!pending || message.clientToken !== pending.clientToken) return;
    if (topic === `${pending.operation}/accepted`) pending.resolve(message);
    if (topic === `${pending.operation}/rejected`) {
      pending.reject(new ShadowRejectedError(pending.operation, message));
    }
  }

  /** The connection is gone: no answer will come. */
  cancel(): void {
    this.#pending?.reject(new NotConnectedError('disconnected before the shadow answered'));
  }
}
