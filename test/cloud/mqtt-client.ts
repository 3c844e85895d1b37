import { readFileSync } from 'node:fs';
import { connect, type MqttClient as Client } from 'mqtt';
import { record } from '../support/run-record.ts';
import type { CertificateFiles } from './pki.ts';

export interface MqttClientOptions extends CertificateFiles {
  caPath: string;
  hostName: string;
  port: number;
  clientId: string;
}

type Handler = (topic: string, payload: Buffer) => void;

const RECONNECT_MS = 50;
const AT_LEAST_ONCE = { qos: 1 } as const;

/** The cloud's own MQTT 5 client: reconnects by itself and restores its subscriptions. */
export class MqttClient {
  readonly #client: Client;
  readonly #handlers = new Map<string, Handler>();
  #online = false;
  #connected = Promise.withResolvers<void>();
  #disconnected = Promise.withResolvers<void>();

  constructor({ hostName, port, clientId, caPath, certificatePath, privateKeyPath }: MqttClientOptions) {
    this.#client = connect({
      protocol: 'mqtts',
      protocolVersion: 5,
      host: hostName,
      port,
      ca: readFileSync(caPath),
      cert: readFileSync(certificatePath),
      key: readFileSync(privateKeyPath),
      clientId,
      reconnectPeriod: RECONNECT_MS,
      resubscribe: false,
      manualConnect: true,
    });
    this.#client.on('connect', () => void this.#restore());
    this.#client.on('close', () => {
      // An attempt that failed ends so too.
      if (!this.#online) return;
      this.#online = false;
      this.#connected = Promise.withResolvers<void>();
      this.#disconnected.resolve();
    });
    this.#client.on('message', (topic, payload) => this.#received(topic, payload));
    // A broker that is away: the next attempt follows.
    this.#client.on('error', () => {});
  }

  start(): void {
    this.#client.connect();
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
    await this.#client.subscribeAsync(topicFilter, AT_LEAST_ONCE);
  }

  async publish(topicName: string, payload: string | object): Promise<void> {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    await this.#client.publishAsync(topicName, text, AT_LEAST_ONCE);
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true);
  }

  async #restore(): Promise<void> {
    const connected = this.#connected;
    this.#online = true;
    this.#disconnected = Promise.withResolvers<void>();
    const filters = [...this.#handlers.keys()];
    // Lost again meanwhile: the next connection restores.
    if (filters.length > 0) await this.#client.subscribeAsync(filters, AT_LEAST_ONCE).catch(() => undefined);
    connected.resolve();
  }

  #received(topicName: string, bytes: Buffer): void {
    record(`mqtt-${process.pid}`, `${topicName} ${bytes.toString()}\n`);
    for (const [filter, handler] of this.#handlers)
      if (topicMatches(filter, topicName)) handler(topicName, bytes);
  }
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
