import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { iot, mqtt5 } from 'aws-iot-device-sdk-v2';
import { record } from '../support/run-record.ts';
import type { CertificateFiles } from './pki.ts';

export interface MqttClientOptions extends CertificateFiles {
  caPath: string;
  hostName: string;
  port: number;
  clientId: string;
}

type Handler = (topic: string, payload: Buffer) => void;

/** The cloud's own MQTT 5 client: reconnects by itself and restores its subscriptions. */
export class MqttClient {
  #client: mqtt5.Mqtt5Client | undefined;
  readonly #handlers = new Map<string, Handler>();
  #connected = Promise.withResolvers<void>();
  #disconnected = Promise.withResolvers<void>();

  constructor({ hostName, port, clientId, caPath, certificatePath, privateKeyPath }: MqttClientOptions) {
    const configuration = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(
      hostName,
      certificatePath,
      privateKeyPath,
    )
      .withCertificateAuthorityFromPath(undefined, caPath)
      .withPort(port)
      .withConnectProperties({ keepAliveIntervalSeconds: 60, clientId })
      .withMinReconnectDelayMs(20)
      .withMaxReconnectDelayMs(200)
      .build();
    const client = new mqtt5.Mqtt5Client(configuration);
    this.#client = client;
    client.on('connectionSuccess', () => void this.#restore());
    client.on('disconnection', () => {
      this.#connected = Promise.withResolvers<void>();
      this.#disconnected.resolve();
    });
    client.on('messageReceived', ({ message }) => this.#received(message));
  }

  start(): void {
    this.#client?.start();
  }

  /** Resolves while connected, with every subscription in place. */
  get connected(): Promise<void> {
    return this.#connected.promise;
  }

  /** Resolves when the present connection is lost. */
  get disconnected(): Promise<void> {
    return this.#disconnected.promise;
  }

  /** One handler a filter; also for later connections. */
  async subscribe(topicFilter: string, handler: Handler): Promise<void> {
    await this.connected;
    this.#handlers.set(topicFilter, handler);
    await this.#client?.subscribe({ subscriptions: [{ topicFilter, qos: mqtt5.QoS.AtLeastOnce }] });
  }

  async publish(topicName: string, payload: string | object): Promise<void> {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    await this.#client?.publish({ topicName, payload: text, qos: mqtt5.QoS.AtLeastOnce });
  }

  async close(): Promise<void> {
    const client = this.#client;
    if (!client) return;
    this.#client = undefined;
    const stopped = new Promise<void>((resolve) => client.once('stopped', () => resolve()));
    client.stop();
    await stopped;
    client.close();
    collectUntilGone(client);
  }

  async #restore(): Promise<void> {
    const connected = this.#connected;
    this.#disconnected = Promise.withResolvers<void>();
    const subscriptions = [...this.#handlers.keys()].map((topicFilter) => ({
      topicFilter,
      qos: mqtt5.QoS.AtLeastOnce,
    }));
    // Lost again meanwhile: the next connection restores.
    if (subscriptions.length > 0) await this.#client?.subscribe({ subscriptions }).catch(() => undefined);
    connected.resolve();
  }

  #received({ topicName, payload }: mqtt5.PublishPacket): void {
    const bytes = toBuffer(payload);
    record(`mqtt-${process.pid}`, `${topicName} ${bytes.toString()}\n`);
    for (const [filter, handler] of this.#handlers)
      if (topicMatches(filter, topicName)) handler(topicName, bytes);
  }
}

/** The native client gives every payload as an ArrayBuffer: an empty one detached, which Buffer.from refuses. */
function toBuffer(payload: mqtt5.PublishPacket['payload']): Buffer {
  return payload instanceof ArrayBuffer && payload.byteLength > 0 ? Buffer.from(payload) : Buffer.alloc(0);
}

/** MQTT 5, 4.7. */
function topicMatches(filter: string, topic: string): boolean {
  const levels = topic.split('/');
  const wanted = filter.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (levels[index] === undefined || (level !== '+' && level !== levels[index])) return false;
  }
  return levels.length === wanted.length;
}

/** Kept: a registry that is garbage itself tells of nothing. */
const remains = new FinalizationRegistry<() => void>((stop) => stop());
/** Of the time, what collecting may take: a large heap would leave the process no time for anything else. */
const COLLECTING_SHARE = 0.05;
const COLLECT_EVERY_MS = 20;

/**
 * The native client keeps the process alive until its JavaScript object is collected
 * (https://github.com/awslabs/aws-crt-nodejs/issues/600), which in an idle process never happens by itself.
 */
function collectUntilGone(client: object): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  let timer: NodeJS.Timeout;
  const again = (delayMs: number) => {
    timer = setTimeout(() => {
      const startedAt = performance.now();
      collect();
      again(Math.max(COLLECT_EVERY_MS, (performance.now() - startedAt) / COLLECTING_SHARE));
    }, delayMs).unref();
  };
  again(COLLECT_EVERY_MS);
  // Not a WeakRef: looking at it keeps its target alive until the job ends, through the collection in it.
  remains.register(client, () => clearTimeout(timer));
}
