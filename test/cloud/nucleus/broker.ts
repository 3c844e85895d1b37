type Handler = (topic: string, payload: Buffer) => void;

/** IoT Core as the nucleus reaches it. */
export interface Broker {
  readonly isConnected: boolean;
  /** Calls `callback` each time the connection is made. */
  onConnect(callback: () => void): void;
  /** Rejects while there is no connection. */
  publish(topic: string, payload: Buffer): Promise<void>;
  /** Calls `handler` until the returned function is called; survives connection losses. */
  subscribe(filter: string, handler: Handler): Promise<() => void>;
}

/** A broker in this process, for tests that need no other MQTT client. */
export class MemoryBroker implements Broker {
  readonly published: { topic: string; payload: Buffer }[] = [];
  readonly #handlers = new Set<{ filter: string; handler: Handler }>();
  readonly #onConnect: (() => void)[] = [];
  #isConnected = true;

  get isConnected(): boolean {
    return this.#isConnected;
  }

  onConnect(callback: () => void): void {
    this.#onConnect.push(callback);
  }

  disconnect(): void {
    this.#isConnected = false;
  }

  connect(): void {
    this.#isConnected = true;
    for (const callback of this.#onConnect) callback();
  }

  async publish(topic: string, payload: Buffer): Promise<void> {
    await Promise.resolve();
    if (!this.#isConnected) throw new Error('not connected');
    this.published.push({ topic, payload });
    this.deliver(topic, payload);
  }

  subscribe(filter: string, handler: Handler): Promise<() => void> {
    const entry = { filter, handler };
    this.#handlers.add(entry);
    return Promise.resolve(() => void this.#handlers.delete(entry));
  }

  /** A message from elsewhere; lost while there is no connection. */
  deliver(topic: string, payload: Buffer | string): void {
    if (!this.#isConnected) return;
    for (const { filter, handler } of this.#handlers) {
      if (topicMatches(filter, topic)) handler(topic, Buffer.from(payload));
    }
  }
}

/** MQTT 5, 4.7. */
export function topicMatches(filter: string, topic: string): boolean {
  const levels = topic.split('/');
  const wanted = filter.split('/');
  if (topic.startsWith('$') && (wanted[0] === '#' || wanted[0] === '+')) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (levels[index] === undefined || (level !== '+' && level !== levels[index])) return false;
  }
  return levels.length === wanted.length;
}
