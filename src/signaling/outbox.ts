import type { Clock, Timer } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { encodeCandidate, encodeSdp, type IceCandidate } from './messages.ts';

export interface OutboxOptions {
  clock: Clock;
  random: Random;
  /** Puts a frame for `clientId` on the wire; false where no connection is open. */
  deliver: (clientId: string, frame: string) => boolean;
  onUndeliverable: () => void;
}

interface Outgoing {
  clientId: string;
  frame: string;
}

/** Quotas of one WebSocket, a second: 5 SDP and 20 candidate messages. */
const SDP_RATE = { perSecond: 5, capacity: 64 };
const CANDIDATE_RATE = { perSecond: 20, capacity: 512 };
/** A second and a little: frames may travel closer together than they were sent. */
const WINDOW_MS = 1_050;
/** Answers whose STATUS_RESPONSE may still come; older ones are forgotten. */
const MAX_AWAITED = 64;

/** What a master sends, within the service's rates. What still waits at a renewal goes over the next connection. */
export class Outbox {
  readonly #sdps: RateLimitedQueue;
  readonly #candidates: RateLimitedQueue;
  readonly #correlationPrefix: string;
  /** Client ids by correlation id, oldest first. */
  readonly #awaited = new Map<string, string>();
  #answers = 0;

  constructor(options: OutboxOptions) {
    this.#correlationPrefix = options.random.uint32().toString(36);
    this.#sdps = new RateLimitedQueue({ ...options, ...SDP_RATE });
    this.#candidates = new RateLimitedQueue({ ...options, ...CANDIDATE_RATE });
  }

  /** False: too much waits already. */
  sendAnswer(clientId: string, sdp: string): boolean {
    this.#answers += 1;
    const correlationId = `${this.#correlationPrefix}-${this.#answers}`;
    this.#awaited.set(correlationId, clientId);
    const [oldest] = this.#awaited.keys();
    if (this.#awaited.size > MAX_AWAITED && oldest !== undefined) this.#awaited.delete(oldest);
    return this.#sdps.push({ clientId, frame: encodeSdp('SDP_ANSWER', clientId, sdp, correlationId) });
  }

  /** False: too much waits already. */
  sendCandidate(clientId: string, candidate: IceCandidate): boolean {
    return this.#candidates.push({ clientId, frame: encodeCandidate(clientId, candidate) });
  }

  /** The client whose answer a STATUS_RESPONSE is about; undefined when it is of none, or of none any more. */
  takeRecipient(correlationId: string): string | undefined {
    const clientId = this.#awaited.get(correlationId);
    this.#awaited.delete(correlationId);
    return clientId;
  }

  /** What waits is dropped. */
  clear(): void {
    this.#sdps.clear();
    this.#candidates.clear();
  }
}

interface QueueOptions extends OutboxOptions {
  /** At most this many in any window. */
  perSecond: number;
  /** Waiting frames beyond this are refused. */
  capacity: number;
}

/** First in, first out, within a rate. */
class RateLimitedQueue {
  readonly #options: QueueOptions;
  readonly #waiting: Outgoing[] = [];
  /** When the last `perSecond` frames went, oldest first. Monotonic milliseconds. */
  readonly #sentAtMs: number[] = [];
  #timer: Timer | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  push(outgoing: Outgoing): boolean {
    if (this.#waiting.length >= this.#options.capacity) return false;
    this.#waiting.push(outgoing);
    if (this.#timer === undefined) this.#flush();
    return true;
  }

  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  #flush(): void {
    const { perSecond, clock, deliver, onUndeliverable } = this.#options;
    this.#timer = undefined;
    while (this.#waiting.length > 0) {
      const now = clock.monotonic();
      const oldest = this.#sentAtMs.length < perSecond ? undefined : this.#sentAtMs[0];
      if (oldest !== undefined && now - oldest < WINDOW_MS) {
        this.#timer = clock.after(oldest + WINDOW_MS - now, () => this.#flush());
        return;
      }
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (!deliver(next.clientId, next.frame)) {
        onUndeliverable();
        continue;
      }
      if (oldest !== undefined) this.#sentAtMs.shift();
      this.#sentAtMs.push(now);
    }
  }
}
