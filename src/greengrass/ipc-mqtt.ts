import { isObject, type JsonObject } from '../config/layers.ts';
import { Operations } from '../runtime/operations.ts';
import type { IpcClient } from './ipc-client.ts';
import { FrameTooLargeError, type IpcConnection } from './ipc-connection.ts';
import { IpcError } from './ipc-error.ts';

/**
 * The session that the message bus runs on: the same shape that the direct MQTT connection has. What is under way
 * when it is lost or closed rejects.
 */
export interface IpcMqttSession {
  publish(topic: string, payload: string, qos: 0 | 1): Promise<void>;
  subscribe(topicFilter: string): Promise<void>;
  unsubscribe(topicFilter: string): Promise<void>;
  readonly lost: Promise<Error>;
  close(): Promise<void>;
}

type MessageHandler = (topic: string, payload: Uint8Array) => void;

export interface IpcMqttOptions {
  ipc: IpcClient;
  /** The error that tells the message bus that the same would be refused again. */
  refused: (message: string) => Error;
}

/** IoT Core's largest message. */
const MAX_PAYLOAD_BYTES = 128 * 1024;

/**
 * MQTT through the nucleus. "Connected" means the nucleus, not the cloud: classic keeps what it cannot send yet and
 * has a session that the cloud keeps messages for. Lite refuses at once (then it stays in the bus's own queue) and
 * begins a clean session: what the cloud sent meanwhile is lost. So the first success after a failure there counts as
 * a new connection, after which everything is fetched anew. Lite also drops messages from the cloud above about
 * 5,000 B without a word. Overlapping topic filters get a message once each.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/ipc-iot-core-mqtt.html
 */
export class IpcMqtt {
  readonly #options: IpcMqttOptions;
  #tooLarge = 0;

  constructor(options: IpcMqttOptions) {
    this.#options = options;
  }

  /** Messages not sent because the nucleus or IoT Core does not take so large ones. */
  get tooLarge(): number {
    return this.#tooLarge;
  }

  /** Resolves when the nucleus is there; rejects when `signal` aborts. */
  async connect(onMessage: MessageHandler, signal: AbortSignal): Promise<IpcMqttSession> {
    const { ipc, refused } = this.#options;
    const connection = await ipc.connected(signal);
    const onTooLarge = () => void (this.#tooLarge += 1);
    return new Session({ connection, onMessage, refused, onTooLarge });
  }
}

interface SessionOptions {
  connection: IpcConnection;
  onMessage: MessageHandler;
  refused: (message: string) => Error;
  onTooLarge: () => void;
}

class Session implements IpcMqttSession {
  readonly lost: Promise<Error>;
  readonly #options: SessionOptions;
  readonly #subscriptions = new Map<string, () => void>();
  readonly #operations = new Operations();
  readonly #end: (reason: Error) => void;
  #wasOffline = false;

  constructor(options: SessionOptions) {
    const ended = Promise.withResolvers<Error>();
    this.#options = options;
    this.#end = ended.resolve;
    this.lost = Promise.race([options.connection.lost, ended.promise]);
    void this.lost.then((reason) => this.#operations.abandon(reason));
  }

  async publish(topicName: string, text: string, qos: 0 | 1): Promise<void> {
    const { connection } = this.#options;
    const payload = Buffer.from(text);
    try {
      if (payload.length > MAX_PAYLOAD_BYTES) throw new FrameTooLargeError('too large for IoT Core');
      const request = { topicName, qos: String(qos), payload: payload.toString('base64') };
      await this.#operations.track(connection.call('PublishToIoTCore', request));
    } catch (error) {
      this.#throwIfFinal(error, `publishing ${payload.length} B to ${topicName}`);
      this.#wasOffline ||= connection.nucleus === 'lite' && error instanceof IpcError;
      throw error;
    }
    if (this.#wasOffline) this.#end(new Error('the nucleus was offline and lost what was sent to us'));
  }

  async subscribe(topicName: string): Promise<void> {
    const { connection, onMessage } = this.#options;
    const request = { topicName, qos: '1' };
    try {
      const subscribed = connection.subscribe('SubscribeToIoTCore', request, ({ message }) => {
        if (isObject(message)) deliver(message, onMessage);
      });
      const undo = await this.#operations.track(subscribed);
      this.#subscriptions.get(topicName)?.();
      this.#subscriptions.set(topicName, undo);
    } catch (error) {
      this.#throwIfFinal(error, `subscribing to ${topicName}`);
      throw error;
    }
  }

  unsubscribe(topicName: string): Promise<void> {
    this.#subscriptions.get(topicName)?.();
    this.#subscriptions.delete(topicName);
    return Promise.resolve();
  }

  /** Ends what is ours of the connection; others use it too. */
  close(): Promise<void> {
    this.#end(new Error('closed'));
    for (const undo of this.#subscriptions.values()) undo();
    this.#subscriptions.clear();
    return Promise.resolve();
  }

  /** Lite has one error for "offline" and for much else: only these are surely final. */
  #throwIfFinal(error: unknown, what: string): void {
    const { refused, onTooLarge } = this.#options;
    if (error instanceof FrameTooLargeError) {
      onTooLarge();
      throw refused(`${what} is impossible: ${error.message}`);
    }
    if (!(error instanceof IpcError) || !['UnauthorizedError', 'InvalidArgumentsError'].includes(error.code))
      return;
    const cure = "the recipe's accessControl must allow it (aws.greengrass.ipc.mqttproxy)";
    throw refused(`${what} was refused by the nucleus, ${error.code}: ${cure}`);
  }
}

function deliver({ topicName, payload }: JsonObject, onMessage: MessageHandler): void {
  if (typeof topicName !== 'string') return;
  onMessage(topicName, Buffer.from(typeof payload === 'string' ? payload : '', 'base64'));
}
