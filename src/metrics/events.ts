import type { DurationName } from './durations.ts';
import type { Totals } from './viewer-record.ts';

/** Delivers now or when there is a connection again, in order. */
export interface EventBus {
  enqueue(topic: string, payload: string): void;
}

interface OfViewer {
  camera: string;
  channelName: string;
  clientId: string;
  /** ISO 8601. */
  joinedAt: string;
}

/** The audit trail: who watched what, when, how long, and why it ended. */
export type SessionEvent =
  | ({ event: 'viewer-joined' } & OfViewer)
  | ({
      event: 'viewer-left';
      leftAt: string;
      seconds: number;
      /** Why: `closed-by-viewer`, `consent-expired`, … */
      end: string;
      /** How it was reached; absent where it never was. */
      route?: string;
      durationsMs: Partial<Record<DurationName, number>>;
      sent: Totals;
    } & OfViewer)
  /** Something is missing in the recording; times as ISO 8601. */
  | {
      event: 'recording-gap';
      camera: string;
      channelName: string;
      from: string;
      to: string;
      seconds: number;
    };

export interface AlarmEvent {
  alarm: string;
  state: 'raised' | 'cleared';
  camera?: string;
  reason: string;
  /** ISO 8601. */
  at: string;
}

/**
 * Publishes single events as JSON on `kvs-webrtc/<thingName>/sessions` and `…/alarms`. Delivery is at least once: each carries an
 * `eventId` of its own, by which a repeated one is known.
 */
export class Events {
  readonly #bus: EventBus;
  readonly #prefix: string;
  readonly #runId: string;
  #sequence = 0;

  /** `runId` tells this run of the agent from others. */
  constructor(bus: EventBus, thingName: string, runId: string) {
    this.#bus = bus;
    this.#prefix = `kvs-webrtc/${thingName}`;
    this.#runId = runId;
  }

  session(event: SessionEvent): void {
    this.#send('sessions', event);
  }

  alarm(event: AlarmEvent): void {
    this.#send('alarms', event);
  }

  #send(topic: string, event: object): void {
    this.#sequence += 1;
    const eventId = `${this.#runId}-${this.#sequence}`;
    this.#bus.enqueue(`${this.#prefix}/${topic}`, JSON.stringify({ eventId, ...event }));
  }
}
