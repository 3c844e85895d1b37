import { iot, mqtt5 } from 'aws-iot-device-sdk-v2';
import { topicMatches, type Broker } from './broker.ts';

export interface MqttBrokerOptions {
  hostName: string;
  port: number;
  caPath: string;
  certificatePath: string;
  privateKeyPath: string;
  /** The client id of a nucleus. */
  thingName: string;
}

type Handler = (topic: string, payload: Buffer) => void;

/** The nucleus's own MQTT connection to IoT Core; reconnects by itself, with a clean session. */
export class MqttBroker implements Broker {
  readonly #client: mqtt5.Mqtt5Client;
  readonly #subscriptions = new Set<{ filter: string; handler: Handler }>();
  readonly #onConnect: (() => void)[] = [];
  readonly #firstConnect = Promise.withResolvers<void>();
  #isConnected = false;

  constructor({ hostName, port, caPath, certificatePath, privateKeyPath, thingName }: MqttBrokerOptions) {
    const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(
      hostName,
      certificatePath,
      privateKeyPath,
    );
    const configuration = builder
      .withCertificateAuthorityFromPath(undefined, caPath)
      .withPort(port)
      .withConnectProperties({ keepAliveIntervalSeconds: 30, clientId: thingName })
      .withOfflineQueueBehavior(mqtt5.ClientOperationQueueBehavior.FailAllOnDisconnect)
      .withMinReconnectDelayMs(20)
      .withMaxReconnectDelayMs(500)
      .build();
    this.#client = new mqtt5.Mqtt5Client(configuration);
    this.#client.on('connectionSuccess', () => void this.#connected());
    this.#client.on('disconnection', () => (this.#isConnected = false));
    this.#client.on('messageReceived', ({ message }) => this.#received(message));
  }

  /** Resolves with the first connection. */
  start(): Promise<void> {
    this.#client.start();
    return this.#firstConnect.promise;
  }

  async stop(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#client.once('stopped', () => resolve()));
    this.#client.stop();
    await stopped;
    this.#client.close();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  onConnect(callback: () => void): void {
    this.#onConnect.push(callback);
  }

  async publish(topicName: string, payload: Buffer): Promise<void> {
    if (!this.#isConnected) throw new Error('not connected');
    await this.#client.publish({ topicName, payload, qos: mqtt5.QoS.AtLeastOnce });
  }

  async subscribe(filter: string, handler: Handler): Promise<() => void> {
    const isNew = ![...this.#subscriptions].some((each) => each.filter === filter);
    const subscription = { filter, handler };
    this.#subscriptions.add(subscription);
    if (isNew && this.#isConnected) await this.#ask([filter]);
    return () => {
      this.#subscriptions.delete(subscription);
      if (!this.#isConnected || [...this.#subscriptions].some((each) => each.filter === filter)) return;
      this.#client.unsubscribe({ topicFilters: [filter] }).catch(() => undefined);
    };
  }

  async #connected(): Promise<void> {
    const filters = new Set([...this.#subscriptions].map(({ filter }) => filter));
    // Lost again meanwhile: the next connection subscribes.
    if (filters.size > 0) await this.#ask([...filters]).catch(() => undefined);
    this.#isConnected = true;
    this.#firstConnect.resolve();
    for (const callback of this.#onConnect) callback();
  }

  async #ask(filters: string[]): Promise<void> {
    const subscriptions = filters.map((topicFilter) => ({ topicFilter, qos: mqtt5.QoS.AtLeastOnce }));
    await this.#client.subscribe({ subscriptions });
  }

  #received({ topicName, payload }: mqtt5.PublishPacket): void {
    const bytes = payload instanceof ArrayBuffer ? Buffer.from(payload) : Buffer.alloc(0);
    for (const { filter, handler } of this.#subscriptions) {
      if (topicMatches(filter, topicName)) handler(topicName, bytes);
    }
  }
}
