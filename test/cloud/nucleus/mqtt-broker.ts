import { MqttClient, type MqttClientOptions } from '../mqtt-client.ts';
import type { Broker } from './broker.ts';

type Handler = (topic: string, payload: Buffer) => void;

/** The nucleus's own MQTT connection to IoT Core; reconnects by itself, with a clean session. */
export class MqttBroker implements Broker {
  readonly #client: MqttClient;
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #onConnect: (() => void)[] = [];
  #isConnected = false;
  #isClosed = false;

  /** `clientId`: a nucleus uses the thing's name. */
  constructor(options: MqttClientOptions) {
    this.#client = new MqttClient(options);
  }

  /** Resolves with the first connection. */
  async start(): Promise<void> {
    this.#client.start();
    await this.#client.connected;
    void this.#follow();
  }

  async stop(): Promise<void> {
    this.#isClosed = true;
    await this.#client.close();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  onConnect(callback: () => void): void {
    this.#onConnect.push(callback);
  }

  async publish(topic: string, payload: Buffer): Promise<void> {
    if (!this.#isConnected) throw new Error('not connected');
    await this.#client.publish(topic, payload.toString());
  }

  async subscribe(filter: string, handler: Handler): Promise<() => void> {
    const handlers = this.#handlers.get(filter) ?? new Set();
    handlers.add(handler);
    if (!this.#handlers.has(filter)) {
      this.#handlers.set(filter, handlers);
      const subscribed = this.#client.subscribe(filter, (topic, payload) => {
        for (const each of handlers) each(topic, payload);
      });
      // Offline: when connected again.
      if (this.#isConnected) await subscribed;
    }
    return () => handlers.delete(handler);
  }

  async #follow(): Promise<void> {
    while (!this.#isClosed) {
      await this.#client.connected;
      this.#isConnected = true;
      for (const callback of this.#onConnect) callback();
      await this.#client.disconnected;
      this.#isConnected = false;
    }
  }
}
