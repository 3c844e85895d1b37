import type { greengrasscoreipc } from 'aws-iot-device-sdk-v2';
import type { StreamingOperation } from 'aws-iot-device-sdk-v2/dist/eventstream_rpc.js';
import { within, type Clock } from '../runtime/clock.ts';
import { toError } from './ipc-error.ts';

type Client = greengrasscoreipc.Client;

/** Classic is the Java nucleus, lite the C one; they allow and answer different things. */
export type NucleusKind = 'classic' | 'lite';

/** A nucleus that works answers in milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 800;

/** One authenticated connection to the nucleus. */
export class IpcConnection {
  /** Resolves with the reason when the connection is gone; never rejects. */
  readonly lost: Promise<Error>;
  readonly nucleus: NucleusKind;
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #lose: (reason: Error) => void;
  #closing: Promise<void> | undefined;

  /** `client` is connected. */
  constructor(client: Client, nucleus: NucleusKind, clock: Clock) {
    const lost = Promise.withResolvers<Error>();
    this.#client = client;
    this.nucleus = nucleus;
    this.#clock = clock;
    this.lost = lost.promise;
    this.#lose = lost.resolve;
    client.on('disconnection', (event) => {
      lost.resolve(new Error('the connection to the nucleus was lost', { cause: event?.reason }));
    });
  }

  /** One operation. Rejects with an `IpcError` where the nucleus refuses, and where no answer comes in 10 s. */
  async call<Answer>(operation: string, send: (client: Client) => Promise<Answer>): Promise<Answer> {
    return answered(this.#clock, operation, send(this.#client));
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
      await answered(this.#clock, operation, subscription.activate());
    } catch (error) {
      await close();
      throw error;
    }
    subscription.on('ended', () => {
      if (isOpen) this.#lose(new Error(`the nucleus ended ${operation}`));
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
}

async function answered<Answer>(clock: Clock, operation: string, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await within(clock, ANSWER_TIMEOUT_MS, 'no answer from the nucleus', answer);
  } catch (error) {
    throw toError(operation, error);
  }
}
