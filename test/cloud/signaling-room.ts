import { systemClock } from '../../src/runtime/clock.ts';
import type { Channel } from './channels.ts';
import type { CloudContext } from './context.ts';
import type { MessageEvent } from './event-log.ts';
import { ServiceError } from './service-error.ts';
import { ID, invalid, RefusedMessage, type ClientMessage } from './signaling-message.ts';
import type { Router, SignalingSession } from './signaling-session.ts';

interface Held {
  from: SignalingSession;
  message: ClientMessage;
  expiresAtMs: number;
}

const MAX_HELD = 1000;

/** The storage session of a channel, which is no viewer. Throws a `RefusedMessage`. */
export interface StorageSide {
  receive(channelName: string, message: ClientMessage): void;
}

/** A channel while in use: one master, its viewers, and the messages that wait for a master. */
export class SignalingRoom implements Router {
  readonly viewers = new Map<string, SignalingSession>();
  readonly #channel: Channel;
  readonly #context: CloudContext;
  readonly #storage: () => StorageSide | undefined;
  #master: SignalingSession | undefined;
  #held: Held[] = [];

  constructor(channel: Channel, context: CloudContext, storage: () => StorageSide | undefined) {
    this.#storage = storage;
    this.#channel = channel;
    this.#context = context;
  }

  get master(): SignalingSession | undefined {
    return this.#master;
  }

  get sessions(): SignalingSession[] {
    return [...this.viewers.values(), ...(this.#master ? [this.#master] : [])];
  }

  /** Throws where a viewer finds the channel full. */
  checkViewer(clientId: string): void {
    if (this.viewers.has(clientId) || this.viewers.size < this.#context.limits.maxViewers) return;
    throw new ServiceError(
      400,
      'ClientLimitExceededException',
      'Too many viewers are connected to the channel.',
    );
  }

  /** A newer connection of the same master or viewer replaces the older one. */
  enter(session: SignalingSession): void {
    const { role, clientId, channelName } = session;
    const older = role === 'MASTER' ? this.#master : this.viewers.get(clientId);
    if (role === 'MASTER') this.#master = session;
    else this.viewers.set(clientId, session);
    this.#context.events.add({ type: 'connected', role, channelName, clientId });
    older?.close();
    if (role === 'MASTER') this.#deliverHeld();
  }

  left(session: SignalingSession, code: number): void {
    const { role, clientId, channelName } = session;
    if (this.#master === session) this.#master = undefined;
    if (this.viewers.get(clientId) === session) this.viewers.delete(clientId);
    this.#context.events.add({ type: 'disconnected', role, channelName, clientId, code });
  }

  route(from: SignalingSession, message: ClientMessage): void {
    if (from.role === 'VIEWER') this.#toMaster(from, message);
    else this.#toViewer(from, message);
  }

  #toMaster(from: SignalingSession, message: ClientMessage): void {
    if (message.recipientClientId) throw invalid('a viewer must not name a recipient');
    if (this.#master?.open) {
      this.#record(from, message, 'delivered');
      this.#master.deliver(message.action, message.messagePayload, from.clientId);
      return;
    }
    if (this.#held.length >= MAX_HELD)
      throw new RefusedMessage(400, 'LimitExceededException', 'Too many messages');
    const ttlMs = this.#channel.messageTtlSeconds * 1000;
    const held = { from, message, expiresAtMs: systemClock.monotonic() + ttlMs };
    this.#held.push(held);
    this.#record(from, message, 'held');
    systemClock.after(ttlMs, () => this.#expire(held));
  }

  #toViewer(from: SignalingSession, message: ClientMessage): void {
    const { recipientClientId } = message;
    const storage = this.#storage();
    if (recipientClientId === '' && this.#channel.storageStreamArn !== '' && storage) {
      storage.receive(this.#channel.name, message);
      this.#record(from, message, 'delivered');
      return;
    }
    if (!ID.test(recipientClientId)) throw invalid('recipientClientId is not valid');
    const viewer = this.viewers.get(recipientClientId);
    if (!viewer) throw new RefusedMessage(404, 'ResourceNotFoundException', 'The recipient is not connected');
    this.#record(from, message, 'delivered');
    viewer.deliver(message.action, message.messagePayload, '');
  }

  /** In the order they came; a viewer that left meanwhile is not looked for, as at AWS. */
  #deliverHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const { from, message } of held) {
      this.#record(from, message, 'late');
      this.#master?.deliver(message.action, message.messagePayload, from.clientId);
    }
  }

  #expire(held: Held): void {
    if (!this.#held.includes(held)) return;
    this.#held = this.#held.filter((other) => other !== held);
    this.#record(held.from, held.message, 'expired');
  }

  /** Before it is delivered: what the receiver does comes later than the event's time. */
  #record(from: SignalingSession, message: ClientMessage, outcome: MessageEvent['outcome']): void {
    this.#context.events.add({
      type: 'message',
      channelName: this.#channel.name,
      from: from.role,
      clientId: from.clientId || message.recipientClientId,
      action: message.action,
      outcome,
    });
  }
}
