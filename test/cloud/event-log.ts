import type { SignalingRole } from './channels.ts';
import type { Operation } from './faults.ts';

/** What happened in the cloud, without secrets. Times are epoch milliseconds of this machine's clock. */
export type CloudEvent = { at: number } & (
  | RequestEvent
  | { type: 'connected'; role: SignalingRole; channelName: string; clientId: string }
  | { type: 'disconnected'; role: SignalingRole; channelName: string; clientId: string; code: number }
  | MessageEvent
  | { type: 'shadow'; operation: string; thingName: string; shadowName: string; code: number }
);

export interface RequestEvent {
  type: 'request';
  operation: Operation;
  /** HTTP status of the answer; 0 where none was given (dropped, hung). */
  status: number;
  errorType: string;
  /** Channel name, or the thing name for AssumeRoleWithCertificate; empty where not known. */
  resource: string;
}

export interface MessageEvent {
  type: 'message';
  channelName: string;
  from: SignalingRole;
  /** The viewer's, whichever side sent it. */
  clientId: string;
  action: string;
  /** `held`: waits for a master; `late`: a held one was delivered; `expired`: its TTL ran out. */
  outcome: 'delivered' | 'held' | 'late' | 'expired' | 'refused' | 'over-rate';
}

export type CloudEventBody = CloudEvent extends infer E
  ? E extends { at: number }
    ? Omit<E, 'at'>
    : never
  : never;
type OfType<T> = Extract<CloudEvent, { type: T }>;
type Matcher<T extends CloudEvent['type']> = Partial<OfType<T>>;

const MAX_KEPT = 200_000;

/** Everything the cloud did, in order, to assert on (`at most one Describe`) and to wait for. */
export class EventLog {
  readonly #events: CloudEvent[] = [];
  readonly #listeners = new Set<(event: CloudEvent) => void>();

  add(body: CloudEventBody): void {
    const event: CloudEvent = { at: Date.now(), ...body };
    this.#events.push(event);
    if (this.#events.length > MAX_KEPT) this.#events.splice(0, MAX_KEPT / 2);
    for (const listener of this.#listeners) listener(event);
  }

  /** Returns how to stop listening. */
  listen(listener: (event: CloudEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Events of a type whose fields equal all of `match`, oldest first. */
  select<T extends CloudEvent['type']>(type: T, match: Matcher<T> = {}): OfType<T>[] {
    return this.#events.filter((event): event is OfType<T> => matches(event, type, match));
  }

  count<T extends CloudEvent['type']>(type: T, match: Matcher<T> = {}): number {
    return this.select(type, match).length;
  }

  /** How often an operation was asked for, whatever the answer. */
  requests(operation: Operation): number {
    return this.count('request', { operation });
  }

  /** Resolves with the `nth` matching event (1 = first), past or to come; rejects after `timeoutMs`. */
  async waitFor<T extends CloudEvent['type']>(
    type: T,
    match: Matcher<T> = {},
    { nth = 1, timeoutMs = 10_000 } = {},
  ): Promise<OfType<T>> {
    const past = this.select(type, match);
    const found = past[nth - 1];
    if (found) return found;
    let left = nth - past.length;
    return new Promise((resolve, reject) => {
      const stop = this.listen((event) => {
        if (!matches(event, type, match) || --left > 0) return;
        clearTimeout(timer);
        stop();
        resolve(event);
      });
      const timer = setTimeout(() => {
        stop();
        const text = `no event ${nth} of ${type} ${JSON.stringify(match)} within ${timeoutMs} ms`;
        reject(new Error(`${text}; last events: ${JSON.stringify(this.#events.slice(-10))}`));
      }, timeoutMs);
    });
  }
}

function matches<T extends CloudEvent['type']>(
  event: CloudEvent,
  type: T,
  match: Matcher<T>,
): event is OfType<T> {
  if (event.type !== type) return false;
  const fields = new Map<string, unknown>(Object.entries(event));
  return Object.entries(match).every(([key, value]) => fields.get(key) === value);
}
