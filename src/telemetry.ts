import { cameraFaults } from './camera-faults.ts';
import type { CameraChannels } from './camera-channels.ts';
import type { AgentConfig } from './config/config.ts';
import type { CachedCredentials } from './identity/credentials.ts';
import type { MqttConnection } from './iot/mqtt-connection.ts';
import type { Log } from './log.ts';
import { Alarms, type Fault } from './metrics/alarms.ts';
import type { CameraMetricsOptions } from './metrics/camera-metrics.ts';
import { DataBudget } from './metrics/data-budget.ts';
import { DeviceFigures } from './metrics/device-figures.ts';
import { Durations } from './metrics/durations.ts';
import { Events } from './metrics/events.ts';
import { servePrometheus } from './metrics/prometheus.ts';
import { MetricsPublisher } from './metrics/publisher.ts';
import { counter, gauge, type MetricGroup, type Sample } from './metrics/sample.ts';
import { aborted, type Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { supervise } from './runtime/supervise.ts';
import { agentVersion } from './version.ts';

/** What is measured beside the cameras; they exist once the agent has started. */
export interface TelemetrySources {
  channels: CameraChannels;
  credentials: CachedCredentials;
  /** The service's clock minus the device's. */
  clockOffsetMs: () => number;
}

export interface TelemetryOptions {
  config: AgentConfig;
  /** Undefined where IoT Core is not reached: nothing is published then. */
  mqtt: MqttConnection | undefined;
  clock: Clock;
  random: Random;
  log: Log;
}

const FAULTS_EVERY_MS = 10_000;
const CERTIFICATE_WARN_DAYS = 30;

/** What a camera needs of it. */
export interface CameraTelemetry extends Pick<
  CameraMetricsOptions,
  'durations' | 'onEvent' | 'logDurations'
> {
  /** Why no viewer may be sent anything more; undefined where they may. */
  barred: () => string | undefined;
}

/** Metrics, events of viewers' sessions, and alarms: collected from everything that runs, published over MQTT and to Prometheus. */
export class Telemetry {
  /** Of the device; each camera has its own. */
  readonly durations: Durations;
  readonly #options: TelemetryOptions;
  readonly #events: Events | undefined;
  readonly #alarms: Alarms;
  readonly #figures = new DeviceFigures();
  readonly #budget: DataBudget;
  #settings: AgentConfig['metrics'];
  /** Of cameras that do not run any more. */
  #earlierBytes = 0;
  #bytesByCamera = new Map<object, number>();

  constructor(options: TelemetryOptions) {
    const { config, mqtt, clock, random, log } = options;
    this.#options = options;
    this.#settings = config.metrics;
    this.durations = new Durations(random, clock);
    const runId = `${clock.now().toString(36)}-${random.uint32().toString(36)}`;
    this.#events = mqtt && new Events(mqtt, config.device.thingName, runId);
    this.#alarms = new Alarms((event) => {
      log.info(event, 'alarm');
      this.#events?.alarm(event);
    }, clock);
    const { stateDirectory } = config;
    this.#budget = new DataBudget({
      stateDirectory,
      monthlyMegabytes: () => this.#settings.monthlyMegabytes,
      clock,
      log,
    });
  }

  /** The settings in force from now on. */
  configure(settings: AgentConfig['metrics']): void {
    this.#settings = settings;
  }

  /** What a new camera measures with. */
  forCamera(): CameraTelemetry {
    return {
      durations: new Durations(this.#options.random, this.#options.clock, this.durations),
      onEvent: (event) => this.#events?.session(event),
      logDurations: () => this.#settings.logDurations,
      barred: () => (this.#settings.overBudget === 'refuse' ? this.#budget.exceeded : undefined),
    };
  }

  /** Resolves on abort; never rejects. */
  async run(sources: TelemetrySources, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    await this.#budget.load();
    this.#figures.start();
    const timer = clock.every(FAULTS_EVERY_MS, () => void this.#watch(sources));
    await Promise.all([this.#publish(sources, signal), this.#serve(sources, signal), aborted(signal)]);
    timer.cancel();
    this.#figures.close();
    await this.#budget.update(this.#sentBytes(sources.channels), true);
  }

  async #publish(sources: TelemetrySources, signal: AbortSignal): Promise<void> {
    const { mqtt, config, clock, random, log } = this.#options;
    if (!mqtt) return;
    const { thingName } = config.device;
    const publisher = new MetricsPublisher({
      bus: mqtt,
      thingName,
      settings: () => {
        const { intervalSeconds, fleetGroup, thingDimension } = this.#settings;
        const dimensions = {
          version: agentVersion,
          ...(fleetGroup !== '' && { fleetGroup }),
          ...(thingDimension && { thingName }),
        };
        return { intervalSeconds, dimensions };
      },
      collect: () => {
        for (const { metrics } of sources.channels.all) metrics.measureLinks();
        return this.#collect(sources);
      },
      clock,
      random,
      log,
    });
    await supervise((stop) => publisher.run(stop), signal, { name: 'metrics', clock, random, log });
  }

  async #serve(sources: TelemetrySources, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    const port = this.#settings.prometheusPort;
    if (port === 0) return;
    const run = (stop: AbortSignal) => servePrometheus({ port, collect: () => this.#collect(sources) }, stop);
    await supervise(run, signal, { name: 'prometheus', clock, random, log });
  }

  async #collect(sources: TelemetrySources): Promise<MetricGroup[]> {
    const device = await this.#figures.samples();
    return [
      {
        properties: {},
        samples: [...device, ...this.#deviceSamples(sources)],
        distributions: this.durations.distributions,
      },
      ...sources.channels.all.map(({ metrics }) => metrics.group()),
    ];
  }

  #deviceSamples({ credentials, clockOffsetMs }: TelemetrySources): Sample[] {
    const { ageMs, certificateDaysLeft } = credentials.status();
    const mqtt = this.#options.mqtt?.statistics;
    return [
      ...gauge('credentialsAge', ageMs === undefined ? undefined : ageMs / 1000, 'Seconds'),
      ...gauge('certificateDaysLeft', certificateDaysLeft, 'None'),
      ...gauge('clockOffset', clockOffsetMs(), 'Milliseconds'),
      ...gauge('alarms', this.#alarms.count),
      ...gauge('sentThisMonth', this.#budget.usedBytes, 'Bytes'),
      ...(mqtt
        ? [
            ...gauge('mqttQueued', mqtt.queued),
            counter('mqttDropped', mqtt.dropped),
            counter('mqttConnections', mqtt.connections),
          ]
        : []),
    ];
  }

  async #watch(sources: TelemetrySources): Promise<void> {
    await this.#budget.update(this.#sentBytes(sources.channels));
    const ofCameras = cameraFaults(sources.channels.status(), this.#options.clock.now());
    this.#alarms.update([...this.#deviceFaults(sources), ...ofCameras]);
  }

  #deviceFaults({ credentials, clockOffsetMs }: TelemetrySources): Fault[] {
    const { lastError, certificateDaysLeft } = credentials.status();
    const faults = this.#budget.faults();
    if (lastError !== undefined) faults.push({ alarm: 'no-credentials', reason: lastError });
    if (certificateDaysLeft !== undefined && certificateDaysLeft < CERTIFICATE_WARN_DAYS)
      faults.push({
        alarm: 'certificate-expires',
        reason: `the device certificate has ${certificateDaysLeft} days left: rotate it`,
      });
    const offsetSeconds = Math.round(clockOffsetMs() / 1000);
    if (offsetSeconds !== 0)
      faults.push({
        alarm: 'clock-wrong',
        reason: `the device's clock is off by ${-offsetSeconds} s: check NTP`,
      });
    return faults;
  }

  /** Since the agent's start, those of cameras that are gone too. */
  #sentBytes(channels: CameraChannels): number {
    const now = new Map<object, number>(channels.all.map(({ metrics }) => [metrics, metrics.wireBytes]));
    for (const [camera, bytes] of this.#bytesByCamera) if (!now.has(camera)) this.#earlierBytes += bytes;
    this.#bytesByCamera = now;
    return [...now.values()].reduce((sum, bytes) => sum + bytes, this.#earlierBytes);
  }
}
