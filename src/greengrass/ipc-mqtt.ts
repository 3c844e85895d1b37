import type { IpcClient } from './ipc-client.ts';
import type { IpcConnection } from './ipc-connection.ts';
import { IpcError } from './ipc-error.ts';

/** The MQTT session that the message bus runs on: the same shape that the direct connection has. */
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

/** Lite ends the connection on a larger frame, and everything on it: MQTT, configuration, state. */
const LITE_FRAME_BYTES = 10_000;
/** Of a PublishToIoTCore frame besides its JSON: lengths, CRCs and five headers are 130 B. */
const FRAME_OVERHEAD_BYTES = 160;
/** IoT Core's largest message. */
const MAX_PAYLOAD_BYTES = 128 * 1024;

/**
 * MQTT through the nucleus. "Connected" means the nucleus, not the cloud: classic keeps what it cannot send yet, lite
 * refuses it at once (then it stays in the bus's own queue). Lite drops messages from the cloud above about 5,000 B
 * without a word. Overlapping topic filters get a message once each.
 */
export class IpcMqtt {
  readonly #ipc: IpcClient;
  readonly #refused: (message: string) => Error;
  #tooLarge = 0;

  constructor({ ipc, refused }: IpcMqttOptions) {
    this.#ipc = ipc;
    this.#refused = refused;
  }

  /** Messages not sent because the nucleus would have ended the connection over them. */
  get tooLarge(): number {
    return this.#tooLarge;
  }

  /** Resolves when the nucleus is there; rejects when `signal` aborts. */
  async connect(onMessage: MessageHandler, signal: AbortSignal): Promise<IpcMqttSession> {
    const connection = await this.#ipc.connected(signal);
    const subscriptions = new Map<string, () => Promise<void>>();
    const closed = Promise.withResolvers<Error>();
    const undoAll = async () => {
      closed.resolve(new Error('closed'));
      const undo = [...subscriptions.values()];
      subscriptions.clear();
      await Promise.all(undo.map((each) => each()));
    };
    return {
      lost: Promise.race([connection.lost, closed.promise]),
      publish: (topic, payload, qos) => this.#publish(connection, topic, payload, qos),
      subscribe: async (topicFilter) => {
        const undo = await this.#subscribe(connection, topicFilter, onMessage);
        await subscriptions.get(topicFilter)?.();
        subscriptions.set(topicFilter, undo);
      },
      unsubscribe: async (topicFilter) => {
        const undo = subscriptions.get(topicFilter);
        subscriptions.delete(topicFilter);
        await undo?.();
      },
      // The IPC connection belongs to others too.
      close: undoAll,
    };
  }

  async #publish(connection: IpcConnection, topicName: string, payload: string, qos: 0 | 1): Promise<void> {
    const { QOS } = await model();
    const request = {
      topicName,
      payload: Buffer.from(payload),
      qos: qos === 1 ? QOS.AT_LEAST_ONCE : QOS.AT_MOST_ONCE,
    };
    this.#checkSize(connection, topicName, request.payload.byteLength);
    await connection
      .call('PublishToIoTCore', (client) => client.publishToIoTCore(request))
      .catch((error: unknown) => this.#rethrow(error, `publishing to ${topicName}`));
  }

  async #subscribe(
    connection: IpcConnection,
    topicName: string,
    onMessage: MessageHandler,
  ): Promise<() => Promise<void>> {
    const { QOS } = await model();
    try {
      return await connection.subscribe(
        'SubscribeToIoTCore',
        (client) => client.subscribeToIoTCore({ topicName, qos: QOS.AT_LEAST_ONCE }),
        ({ message }) => {
          if (message) onMessage(message.topicName, bytesOf(message.payload));
        },
      );
    } catch (error) {
      return this.#rethrow(error, `subscribing to ${topicName}`);
    }
  }

  #checkSize({ nucleus }: IpcConnection, topic: string, payloadBytes: number): void {
    const base64Bytes = Math.ceil(payloadBytes / 3) * 4;
    const json = JSON.stringify({ topicName: topic, qos: '1', payload: '' });
    const frameBytes = FRAME_OVERHEAD_BYTES + Buffer.byteLength(json) + base64Bytes;
    const isTooLarge = nucleus === 'lite' ? frameBytes >= LITE_FRAME_BYTES : payloadBytes > MAX_PAYLOAD_BYTES;
    if (!isTooLarge) return;
    this.#tooLarge += 1;
    throw this.#refused(`a message of ${payloadBytes} B to ${topic} is too large for the ${nucleus} nucleus`);
  }

  /** Lite has one error for "offline" and for much else: only what is surely final is a refusal. */
  #rethrow(error: unknown, what: string): never {
    if (error instanceof IpcError && ['UnauthorizedError', 'InvalidArgumentsError'].includes(error.code)) {
      const cure = "the recipe's accessControl must allow it (aws.greengrass.ipc.mqttproxy)";
      throw this.#refused(`${what} was refused by the nucleus, ${error.code}: ${cure}`);
    }
    throw error;
  }
}

function model() {
  return import('aws-iot-device-sdk-v2/dist/greengrasscoreipc/model.js');
}

function bytesOf(payload: unknown): Uint8Array {
  return payload instanceof Uint8Array ? payload : new Uint8Array();
}
