type Handler = (topic: string, payload: Buffer) => void;

/** IoT Core as the nucleus reaches it. */
export interface Broker {
  readonly isConnected: boolean;
  /** Rejects while there is no connection. */
  publish(topic: string, payload: Buffer): Promise<void>;
  /** Calls `handler` until the returned function is called; survives connection losses. */
  subscribe(filter: string, handler: Handler): Promise<() => void>;
}

/** A broker in this process, for tests that need no other MQTT client. */
export class MemoryBroker implements Broker {
  /** False: the nucleus is offline. */
  isConnected = true;
  readonly published: { topic: string; payload: Buffer }[] = [];
  readonly #handlers = new Set<{ filter: string; handler: Handler }>();

  async publish(topic: string, payload: Buffer): Promise<void> {
    await Promise.resolve();
    if (!this.isConnected) throw new Error('not connected');
    this.published.push({ topic, payload });
    this.deliver(topic, payload);
  }

  subscribe(filter: string, handler: Handler): Promise<() => void> {
    const entry = { filter, handler };
    this.#handlers.add(entry);
    return Promise.resolve(() => void this.#handlers.delete(entry));
  }

  /** A message from elsewhere. */
  deliver(topic: string, payload: Buffer | string): void {
    for (const { filter, handler } of [...this.#handlers]) {
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
