import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BackoffOptions } from '../runtime/backoff.ts';
import { orAborted, type Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { supervise } from '../runtime/supervise.ts';
import { Bell } from './bell.ts';
import { OfflineQueue, type QueuedMessage, type QueueLimits, type QueueStatistics } from './offline-queue.ts';
import { matchesTopic } from './topic-filter.ts';

/** 0: at most once, 1: at least once. AWS IoT has no 2. */
export type Qos = 0 | 1;
export type MessageHandler = (topic: string, payload: Uint8Array) => void;

/**
 * For supervising `run`: a device that was cut off is back, and has reported, within 5 s of the broker's return. That
 * is worth an attempt every other second; it is full jitter that spares the broker when a fleet comes back at once.
 */
export const MQTT_BACKOFF: BackoffOptions = { baseMs: 500, maxMs: 3500 };

/** Nobody has to look at an empty queue; the bell wants a number. */
const IDLE_MS = 3_600_000;

/** Publish and subscribe as the rest of the agent sees it, whatever carries it. */
export interface MessageBus {
  readonly connected: boolean;
  /** Now or not at all: rejects with `NotConnectedError` while offline, with `RefusedError` where it is forbidden. */
  publish(topic: string, payload: string, qos?: Qos): Promise<void>;
  /**
   * Now or when connected again, in order. The queue is bounded: the oldest go first and are counted. Of several
   * with one `key` only the newest is kept.
   */
  enqueue(topic: string, payload: string, key?: string): void;
  /**
   * Resolves, to its undoing, when the broker has agreed; at once while offline. Restored after each reconnect,
   * before `onConnected` is told.
   */
  subscribe(topicFilter: string, handler: MessageHandler): Promise<() => Promise<void>>;
  /** Each returns its undoing. */
  onConnected(listener: () => void): () => void;
  onDisconnected(listener: () => void): () => void;
}

/**
 * One connection to IoT Core: MQTT, or the Greengrass nucleus's IPC. When it is lost or closed every operation that
 * is under way rejects.
 */
export interface MqttSession {
  /** With QoS 1 resolves when acknowledged. Rejects with `RefusedError` where the broker refuses. */
  publish(topic: string, payload: string, qos: Qos): Promise<void>;
  subscribe(topicFilter: string): Promise<void>;
  unsubscribe(topicFilter: string): Promise<void>;
  /** Resolves with the reason when the connection is gone; never rejects. */
  readonly lost: Promise<Error>;
  /** Idempotent; ends within a second. */
  close(): Promise<void>;
}

export interface MqttTransport {
  /** Rejects where no connection comes about, and when `signal` aborts. `onMessage` gets all subscriptions' messages. */
  connect(onMessage: MessageHandler, signal: AbortSignal): Promise<MqttSession>;
}

/** The broker said no, and will say so again. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

export class NotConnectedError extends Error {
  override readonly name = 'NotConnectedError';
}

export interface MqttStatistics extends QueueStatistics {
  published: number;
  received: number;
  /** Connections made so far. */
  connections: number;
}

export interface MqttConnectionOptions {
  transport: MqttTransport;
  clock: Clock;
  random: Random;
  log: Log;
  queue?: QueueLimits;
}

/** The message bus over a transport: `run` is one connection, to be supervised; subscriptions and queue outlive it. */
export class MqttConnection implements MessageBus {
  readonly #options: MqttConnectionOptions;
  readonly #log: Log;
  readonly #queue: OfflineQueue;
  readonly #added = new Bell();
  readonly #handlers = new Map<string, Set<MessageHandler>>();
  readonly #connectedListeners = new Set<() => void>();
  readonly #disconnectedListeners = new Set<() => void>();
  #session: MqttSession | undefined;
  #connected = false;
  #published = 0;
  #received = 0;
  #connections = 0;

  constructor(options: MqttConnectionOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#queue = new OfflineQueue(options.queue);
  }

  get connected(): boolean {
    return this.#connected;
  }

  get statistics(): MqttStatistics {
    const counts = { published: this.#published, received: this.#received, connections: this.#connections };
    return { ...this.#queue.statistics, ...counts };
  }

  /** Connects once and stays until `signal` aborts; rejects when there is no connection or it is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const { transport, clock, random, log } = this.#options;
    const session = await transport.connect((topic, payload) => this.#dispatch(topic, payload), signal);
    this.#session = session;
    const ended = new AbortController();
    void session.lost.then(() => ended.abort());
    const lost = session.lost.then((reason) => Promise.reject(reason));
    try {
      await orAborted(signal, Promise.race([this.#restoreSubscriptions(session), lost]));
      if (signal.aborted) return;
      this.#enter();
      const options = { name: 'mqtt queue', backoff: MQTT_BACKOFF, clock, random, log };
      void supervise((stop) => this.#drain(stop), AbortSignal.any([signal, ended.signal]), options);
      await orAborted(signal, lost);
    } finally {
      ended.abort();
      this.#leave();
      await session.close();
    }
  }

  async publish(topic: string, payload: string, qos: Qos = 1): Promise<void> {
    const session = this.#session;
    if (!session || !this.#connected) throw new NotConnectedError('not connected to IoT Core');
    try {
      await session.publish(topic, payload, qos);
    } catch (cause) {
      if (cause instanceof RefusedError) throw cause;
      // It may have arrived all the same: QoS 1 is "at least once".
      throw new NotConnectedError('the connection was lost before IoT Core acknowledged', { cause });
    }
    this.#published += 1;
  }

  enqueue(topic: string, payload: string, key?: string): void {
    this.#queue.add({ topic, payload }, key);
    this.#added.ring();
  }

  async subscribe(topicFilter: string, handler: MessageHandler): Promise<() => Promise<void>> {
    let handlers = this.#handlers.get(topicFilter);
    const isNew = !handlers;
    if (!handlers) this.#handlers.set(topicFilter, (handlers = new Set()));
    handlers.add(handler);
    const undo = () => this.#unsubscribe(topicFilter, handler);
    if (isNew && this.#session) {
      try {
        await this.#session.subscribe(topicFilter);
      } catch (error) {
        // Lost meanwhile: it will be restored. Refused: the caller shall know.
        if (!(error instanceof RefusedError)) return undo;
        await undo();
        throw error;
      }
    }
    return undo;
  }

  onConnected(listener: () => void): () => void {
    this.#connectedListeners.add(listener);
    return () => this.#connectedListeners.delete(listener);
  }

  onDisconnected(listener: () => void): () => void {
    this.#disconnectedListeners.add(listener);
    return () => this.#disconnectedListeners.delete(listener);
  }

  async #unsubscribe(topicFilter: string, handler: MessageHandler): Promise<void> {
    const handlers = this.#handlers.get(topicFilter);
    if (!handlers?.delete(handler) || handlers.size > 0) return;
    this.#handlers.delete(topicFilter);
    // A connection that fails here is about to be lost, and its subscriptions with it.
    await this.#session?.unsubscribe(topicFilter).catch(() => {});
  }

  async #restoreSubscriptions(session: MqttSession): Promise<void> {
    const restored = [...this.#handlers.keys()].map(async (topicFilter) => {
      try {
        await session.subscribe(topicFilter);
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        // One topic that the policy forbids must not cost the others.
        this.#log.warn({ topicFilter, error: error.message }, 'subscription refused');
      }
    });
    await Promise.all(restored);
  }

  #enter(): void {
    this.#connected = true;
    this.#connections += 1;
    this.#log.info({}, 'connected to IoT Core');
    for (const listener of this.#connectedListeners) listener();
  }

  #leave(): void {
    this.#session = undefined;
    if (!this.#connected) return;
    this.#connected = false;
    this.#log.info({ queued: this.#queue.statistics.queued }, 'disconnected from IoT Core');
    for (const listener of this.#disconnectedListeners) listener();
  }

  /** Sends what is queued, one after the other, so that the order stays. Rejects where the next one could not be sent now. */
  async #drain(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const next = this.#queue.first;
      if (next) await this.#send(next);
      else await this.#added.wait(clock, IDLE_MS, signal);
    }
  }

  async #send(message: QueuedMessage): Promise<void> {
    try {
      await this.publish(message.topic, message.payload);
      this.#queue.remove(message);
    } catch (error) {
      // Anything but a refusal is the connection's fault: kept for another attempt.
      if (!(error instanceof RefusedError)) throw error;
      this.#queue.drop(message);
      this.#log.warn({ topic: message.topic, error: error.message }, 'message refused, dropped');
    }
  }

  #dispatch(topic: string, payload: Uint8Array): void {
    this.#received += 1;
    for (const [topicFilter, handlers] of this.#handlers) {
      if (!matchesTopic(topicFilter, topic)) continue;
      for (const handler of handlers) {
        try {
          handler(topic, payload);
        } catch (error) {
          this.#log.error({ topic, error: errorText(error) }, 'a message could not be handled');
        }
      }
    }
  }
}
