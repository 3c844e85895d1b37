import type { greengrasscoreipc } from 'aws-iot-device-sdk-v2';
import type { StreamingOperation } from 'aws-iot-device-sdk-v2/dist/eventstream_rpc.js';
import { within, type Clock } from '../runtime/clock.ts';
import { toError } from './ipc-error.ts';

type Client = greengrasscoreipc.Client;

/** Classic is the Java nucleus, lite the C one; they allow and answer different things. */
export type NucleusKind = 'classic' | 'lite';

/** A nucleus that works answers in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;
const ENDED_GRACE_MS = 100;
const CLOSE_TIMEOUT_MS = 800;

/** One authenticated connection to the nucleus. */
export class IpcConnection {
  /** Resolves with the reason when the connection is gone; never rejects. */
  readonly lost: Promise<Error>;
  readonly nucleus: NucleusKind;
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #lose: (reason: Error) => void;
  readonly #waiting = new Set<(reason: Error) => void>();
  #closing: Promise<void> | undefined;

  /** `client` is connected. */
  constructor(client: Client, nucleus: NucleusKind, clock: Clock) {
    const lost = Promise.withResolvers<Error>();
    this.#client = client;
    this.nucleus = nucleus;
    this.#clock = clock;
    this.lost = lost.promise;
    this.#lose = (reason) => {
      lost.resolve(reason);
      for (const reject of this.#waiting) reject(reason);
    };
    client.on('disconnection', (event) => {
      this.#lose(new Error('the connection to the nucleus was lost', { cause: event?.reason }));
    });
  }

  /** One operation. Rejects with an `IpcError` where the nucleus refuses, and where no answer comes in 10 s. */
  async call<Answer>(operation: string, send: (client: Client) => Promise<Answer>): Promise<Answer> {
    return this.#answered(operation, send(this.#client));
  }

  /**
   * Resolves, to its undoing, when the nucleus has agreed; rejects as `call`. A subscription that the nucleus ends
   * by itself ends the connection: nobody would be told of its events.
   */
  async subscribe<Request, Answer, Event>(
    operation: string,
    open: (client: Client) => StreamingOperation<Request, Answer, void, Event>,
    onEvent: (event: Event) => void,
  ): Promise<() => Promise<void>> {
    const subscription = open(this.#client);
    let isOpen = true;
    const close = async () => {
      isOpen = false;
      await subscription.close();
    };
    subscription.on('message', (event) => {
      if (isOpen) onEvent(event);
    });
    try {
      await this.#answered(operation, subscription.activate());
    } catch (error) {
      await close();
      throw error;
    }
    subscription.on('ended', () => {
      // With the connection all of them end; that is the better reason, and comes a moment later.
      const lose = () => this.#lose(new Error(`the nucleus ended ${operation}`));
      if (isOpen) this.#clock.after(ENDED_GRACE_MS, lose);
    });
    return close;
  }

  /** Idempotent; ends within a second. */
  close(): Promise<void> {
    this.#closing ??= within(this.#clock, CLOSE_TIMEOUT_MS, 'not closed', this.#client.close()).catch(
      () => {},
    );
    return this.#closing;
  }

  /** The SDK leaves operations without an answer for ever when their connection is lost. */
  async #answered<Answer>(operation: string, answer: Promise<Answer>): Promise<Answer> {
    const lost = Promise.withResolvers<never>();
    this.#waiting.add(lost.reject);
    try {
      const first = Promise.race([answer, lost.promise]);
      return await within(this.#clock, ANSWER_TIMEOUT_MS, 'no answer from the nucleus', first);
    } catch (error) {
      throw toError(operation, error);
    } finally {
      this.#waiting.delete(lost.reject);
    }
  }
}
