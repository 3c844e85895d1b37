import { isObject, type Json, type JsonObject } from '../config/layers.ts';
import { within, type Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { IpcClient } from './ipc-client.ts';
import type { IpcConnection } from './ipc-connection.ts';
import { IpcError } from './ipc-error.ts';

export interface LocalTopicsOptions {
  ipc: IpcClient;
  clock: Clock;
  random: Random;
}

/**
 * Asks other components through the nucleus's local publish/subscribe, which has no replies of its own: a message with
 * an `id` goes to a topic, and `{"id", "reply"}` or `{"id", "error"}` comes back on `<topic>/reply`.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/ipc-publish-subscribe.html
 */
export class LocalTopics {
  readonly #options: LocalTopicsOptions;
  /** Reply topics that are listened to, on each connection. */
  readonly #listening = new WeakMap<IpcConnection, Map<string, Promise<unknown>>>();
  readonly #waiting = new Map<string, (message: JsonObject) => void>();

  constructor(options: LocalTopicsOptions) {
    this.#options = options;
  }

  /** Rejects where the nucleus is not there or refuses, and where no reply comes in time. */
  async request(topic: string, message: JsonObject, timeoutMs: number): Promise<Json> {
    const { ipc, clock, random } = this.#options;
    const { connection } = ipc;
    if (!connection) throw new Error('the nucleus is not there');
    const id = [random.uint32(), random.uint32()].map((part) => part.toString(16).padStart(8, '0')).join('');
    const replied = new Promise<JsonObject>((resolve) => this.#waiting.set(id, resolve));
    try {
      await this.#listen(connection, `${topic}/reply`);
      const publishMessage = { jsonMessage: { message: { id, ...message } } };
      await connection.call('PublishToTopic', { topic, publishMessage });
      const { reply, error } = await within(clock, timeoutMs, `no reply on ${topic}/reply`, replied);
      if (typeof error === 'string') throw new Error(error);
      return reply ?? null;
    } catch (error) {
      throw error instanceof IpcError && error.code === 'UnauthorizedError'
        ? notAllowed(topic, error)
        : error;
    } finally {
      this.#waiting.delete(id);
    }
  }

  async #listen(connection: IpcConnection, topic: string): Promise<void> {
    const topics = this.#listening.get(connection) ?? new Map<string, Promise<unknown>>();
    this.#listening.set(connection, topics);
    const listening =
      topics.get(topic) ??
      connection.subscribe('SubscribeToTopic', { topic }, (event) => this.#receive(event));
    topics.set(topic, listening);
    try {
      await listening;
    } catch (error) {
      topics.delete(topic);
      throw error;
    }
  }

  #receive({ jsonMessage, binaryMessage }: JsonObject): void {
    const message = isObject(jsonMessage)
      ? jsonMessage.message
      : isObject(binaryMessage) && parse(binaryMessage);
    if (isObject(message) && typeof message.id === 'string') this.#waiting.get(message.id)?.(message);
  }
}

function parse({ message }: JsonObject): unknown {
  try {
    return JSON.parse(Buffer.from(typeof message === 'string' ? message : '', 'base64').toString());
  } catch {
    return undefined;
  }
}

function notAllowed(topic: string, cause: IpcError): Error {
  const cure = "the recipe's accessControl must allow it (aws.greengrass.ipc.pubsub)";
  return new Error(`the topic ${topic} was refused by the nucleus: ${cure}`, { cause });
}
