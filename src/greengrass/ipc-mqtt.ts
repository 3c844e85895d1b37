import type { greengrasscoreipc } from 'aws-iot-device-sdk-v2';
import type { IpcClient } from './ipc-client.ts';
import type { IpcConnection } from './ipc-connection.ts';
import { IpcError } from './ipc-error.ts';

/** The session that the message bus runs on: the same shape that the direct MQTT connection has. */
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
/** Of a PublishToIoTCore frame besides its JSON: lengths, CRCs and the headers that the SDK adds. */
const FRAME_OVERHEAD_BYTES = 160;
/** IoT Core's largest message. */
const MAX_PAYLOAD_BYTES = 128 * 1024;

/**
 * MQTT through the nucleus. "Connected" means the nucleus, not the cloud: classic keeps what it cannot send yet and
 * has a session that the cloud keeps messages for. Lite refuses at once (then it stays in the bus's own queue) and
 * begins a clean session: what the cloud sent meanwhile is lost. So the first success after a failure there counts as
 * a new connection, after which everything is fetched anew. Lite also drops messages from the cloud above about
 * 5,000 B without a word. Overlapping topic filters get a message once each.
 */
export class IpcMqtt {
  readonly #options: IpcMqttOptions;
  #tooLarge = 0;

  constructor(options: IpcMqttOptions) {
    this.#options = options;
  }

  /** Messages not sent because the nucleus would have ended the connection over them. */
  get tooLarge(): number {
    return this.#tooLarge;
  }

  /** Resolves when the nucleus is there; rejects when `signal` aborts. */
  async connect(onMessage: MessageHandler, signal: AbortSignal): Promise<IpcMqttSession> {
    const { ipc, refused } = this.#options;
    const connection = await ipc.connected(signal);
    const { QOS } = await import('aws-iot-device-sdk-v2/dist/greengrasscoreipc/model.js');
    const checkSize = (topic: string, payloadBytes: number) => {
      if (fits(connection, topic, payloadBytes)) return;
      this.#tooLarge += 1;
      const what = `a message of ${payloadBytes} B to ${topic}`;
      throw refused(`${what} is too large for the ${connection.nucleus} nucleus`);
    };
    return new Session({
      connection,
      qos: [QOS.AT_MOST_ONCE, QOS.AT_LEAST_ONCE],
      onMessage,
      refused,
      checkSize,
    });
  }
}

function fits({ nucleus }: IpcConnection, topicName: string, payloadBytes: number): boolean {
  if (nucleus === 'classic') return payloadBytes <= MAX_PAYLOAD_BYTES;
  const base64Bytes = Math.ceil(payloadBytes / 3) * 4;
  const json = JSON.stringify({ topicName, qos: '1', payload: '' });
  return FRAME_OVERHEAD_BYTES + Buffer.byteLength(json) + base64Bytes < LITE_FRAME_BYTES;
}

type SdkQos = greengrasscoreipc.model.QOS;

interface SessionOptions {
  connection: IpcConnection;
  /** The SDK's constants for 0 and 1. */
  qos: readonly [SdkQos, SdkQos];
  onMessage: MessageHandler;
  refused: (message: string) => Error;
  /** Throws where a message would end the connection. */
  checkSize: (topic: string, payloadBytes: number) => void;
}

class Session implements IpcMqttSession {
  readonly lost: Promise<Error>;
  readonly #options: SessionOptions;
  readonly #subscriptions = new Map<string, () => Promise<void>>();
  readonly #end: (reason: Error) => void;
  #wasOffline = false;

  constructor(options: SessionOptions) {
    const ended = Promise.withResolvers<Error>();
    this.#options = options;
    this.#end = ended.resolve;
    this.lost = Promise.race([options.connection.lost, ended.promise]);
  }

  async publish(topicName: string, text: string, level: 0 | 1): Promise<void> {
    const { connection, qos, checkSize } = this.#options;
    const payload = Buffer.from(text);
    checkSize(topicName, payload.byteLength);
    const request = { topicName, payload, qos: qos[level] };
    try {
      await connection.call('PublishToIoTCore', (client) => client.publishToIoTCore(request));
    } catch (error) {
      this.#throwIfFinal(error, `publishing to ${topicName}`);
      this.#wasOffline ||= connection.nucleus === 'lite' && error instanceof IpcError;
      throw error;
    }
    if (this.#wasOffline) this.#end(new Error('the nucleus was offline and lost what was sent to us'));
  }

  async subscribe(topicName: string): Promise<void> {
    const { connection, qos, onMessage } = this.#options;
    try {
      const undo = await connection.subscribe(
        'SubscribeToIoTCore',
        (client) => client.subscribeToIoTCore({ topicName, qos: qos[1] }),
        ({ message }) => {
          if (message) onMessage(message.topicName, bytesOf(message.payload));
        },
      );
      await this.unsubscribe(topicName);
      this.#subscriptions.set(topicName, undo);
    } catch (error) {
      this.#throwIfFinal(error, `subscribing to ${topicName}`);
      throw error;
    }
  }

  async unsubscribe(topicName: string): Promise<void> {
    const undo = this.#subscriptions.get(topicName);
    this.#subscriptions.delete(topicName);
    await undo?.();
  }

  /** Ends what is ours of the connection; others use it too. */
  async close(): Promise<void> {
    this.#end(new Error('closed'));
    await Promise.all([...this.#subscriptions.keys()].map((topic) => this.unsubscribe(topic)));
  }

  /** Lite has one error for "offline" and for much else: only these are surely final. */
  #throwIfFinal(error: unknown, what: string): void {
    if (!(error instanceof IpcError) || !['UnauthorizedError', 'InvalidArgumentsError'].includes(error.code))
      return;
    const cure = "the recipe's accessControl must allow it (aws.greengrass.ipc.mqttproxy)";
    throw this.#options.refused(`${what} was refused by the nucleus, ${error.code}: ${cure}`);
  }
}

function bytesOf(payload: unknown): Uint8Array {
  return payload instanceof Uint8Array ? payload : new Uint8Array();
}
