export interface QueuedMessage {
  readonly topic: string;
  readonly payload: string;
}

export interface QueueLimits {
  maxMessages: number;
  maxBytes: number;
}

export interface QueueStatistics {
  queued: number;
  queuedBytes: number;
  /** Never sent: pushed out by newer ones, or refused. */
  dropped: number;
}

/** An hour of minutely metrics and events, and not much of a small device's memory. */
const DEFAULT_LIMITS: QueueLimits = { maxMessages: 256, maxBytes: 512 * 1024 };

/** Messages in the order to be sent, bounded: the oldest make room. Of one key only the newest is kept. */
export class OfflineQueue {
  readonly #limits: QueueLimits;
  readonly #messages = new Map<string | symbol, QueuedMessage>();
  #bytes = 0;
  #dropped = 0;

  constructor(limits: QueueLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  get first(): QueuedMessage | undefined {
    return this.#messages.values().next().value;
  }

  get statistics(): QueueStatistics {
    return { queued: this.#messages.size, queuedBytes: this.#bytes, dropped: this.#dropped };
  }

  add(message: QueuedMessage, key: string | symbol = Symbol('message')): void {
    this.#delete(key);
    this.#messages.set(key, message);
    this.#bytes += sizeOf(message);
    for (const oldest of this.#messages.keys()) {
      if (this.#messages.size <= this.#limits.maxMessages && this.#bytes <= this.#limits.maxBytes) return;
      this.#delete(oldest);
      this.#dropped += 1;
    }
  }

  /** Sent. Does nothing where a newer one of its key has taken its place. */
  remove(message: QueuedMessage): boolean {
    for (const [key, queued] of this.#messages) {
      if (queued !== message) continue;
      this.#delete(key);
      return true;
    }
    return false;
  }

  /** As `remove`, and counted as never sent. */
  drop(message: QueuedMessage): void {
    if (this.remove(message)) this.#dropped += 1;
  }

  #delete(key: string | symbol): void {
    const message = this.#messages.get(key);
    if (!message) return;
    this.#messages.delete(key);
    this.#bytes -= sizeOf(message);
  }
}

function sizeOf({ topic, payload }: QueuedMessage): number {
  return Buffer.byteLength(topic) + Buffer.byteLength(payload);
}
