import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { pause, type Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { emfDocuments } from './emf.ts';
import { Growth } from './growth.ts';
import type { MetricGroup } from './sample.ts';

/** The connection to IoT Core. */
export interface MetricsBus {
  readonly connected: boolean;
  /** Resolves when IoT Core has it; rejects where that is not known. */
  publish(topic: string, payload: string): Promise<void>;
}

/** As of now; may change between publications. */
export interface PublisherSettings {
  intervalSeconds: number;
  dimensions: Readonly<Record<string, string>>;
}

export interface MetricsPublisherOptions {
  bus: MetricsBus;
  thingName: string;
  settings: () => PublisherSettings;
  /** Everything that is measured, as it is now. */
  collect: () => Promise<MetricGroup[]>;
  clock: Clock;
  random: Random;
  log: Log;
}

const NAMESPACE = 'KvsWebRtc';
/** A changed interval holds soon, also where the old one was a day. */
const LONGEST_PAUSE_MS = 5_000;

/**
 * Publishes metrics every interval on `kvs-webrtc/<thingName>/metrics`, in CloudWatch's embedded metric format: one IoT rule to
 * CloudWatch Logs makes metrics of them. While offline the counters grow on and are sent when the connection is back. A document is
 * sent at most once: one whose connection broke underway is not repeated, since metrics count what comes twice twice.
 */
export class MetricsPublisher {
  readonly #options: MetricsPublisherOptions;
  readonly #growth = new Growth();
  /** Documents that IoT Core acknowledged. */
  published = 0;
  /** Documents whose fate is not known. */
  lost = 0;

  constructor(options: MetricsPublisherOptions) {
    this.#options = options;
  }

  /** Resolves on abort. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, settings } = this.#options;
    // A fleet that starts at once does not publish at once.
    let dueMs = clock.monotonic() + random.float() * settings().intervalSeconds * 1000;
    while (!signal.aborted) {
      const nowMs = clock.monotonic();
      dueMs = Math.min(dueMs, nowMs + settings().intervalSeconds * 1000);
      if (nowMs < dueMs) await pause(clock, Math.min(dueMs - nowMs, LONGEST_PAUSE_MS), signal);
      else {
        dueMs = nowMs + settings().intervalSeconds * 1000;
        await this.publish();
      }
    }
  }

  /** Publishes what there is since the last time; nothing while offline. */
  async publish(): Promise<void> {
    const { bus, thingName, settings, collect, clock, log } = this.#options;
    if (!bus.connected) return;
    const groups = await collect();
    const { dimensions } = settings();
    const documents = this.#growth.take(groups, clock.monotonic()).flatMap(({ group, metrics }) =>
      emfDocuments(metrics, {
        namespace: NAMESPACE,
        timestampMs: clock.now(),
        dimensions,
        properties: { thingName, ...group.properties },
      }),
    );
    for (const document of documents) {
      try {
        await bus.publish(`kvs-webrtc/${thingName}/metrics`, document);
        this.published += 1;
      } catch (error) {
        this.lost += 1;
        log.debug({ error: errorText(error) }, 'metrics not published');
      }
    }
  }
}
