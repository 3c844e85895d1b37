import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { CaptureSpeed } from './capture-speed.ts';
import { Distribution } from './distribution.ts';
import { entries, viewerDurations, type DurationName, type Durations } from './durations.ts';
import type { SessionEvent } from './events.ts';
import { RecordingMetrics, type RecordingCondition } from './recording-metrics.ts';
import { counter, gauge, type MetricGroup, type Sample } from './sample.ts';
import { noTotals, ViewerRecord, wireBytes, type LinkQuality, type ViewerSource } from './viewer-record.ts';

/** A camera as it is now; counts are since the agent's start. */
export interface CameraCondition {
  camera: { state: string; restarts: number; stalls: number };
  /** Pictures and sounds captured. */
  capturedFrames: number;
  /** Pictures captured, of the best rendition. */
  capturedPictures: number;
  /** Pictures a second that the encoder was asked for; undefined where the source decides. */
  wantedFps: number | undefined;
  signaling: { connected: boolean; connects: number; renewals: number };
  offers: number;
  refused: number;
  malformed: number;
  /** What viewers asked for over the data channel. */
  control: { requests: number; malformed: number; refused: number; dropped: number };
  /** Absent where the camera is not recorded. */
  recording?: RecordingCondition;
}

export interface CameraMetricsOptions {
  camera: string;
  channelName: string;
  condition: () => CameraCondition;
  /** Those of the channel among them. */
  durations: Durations;
  onEvent: (event: SessionEvent) => void;
  /** As of now: print the durations of each viewer when its session ends. */
  logDurations: () => boolean;
  clock: Clock;
  random: Random;
  log: Log;
}

/** All that is measured about one camera and its viewers. Nothing happens per packet: sessions are asked when somebody wants to know. */
export class CameraMetrics {
  readonly durations: Durations;
  readonly #options: CameraMetricsOptions;
  readonly #viewers = new Set<ViewerRecord>();
  readonly #totals = noTotals();
  readonly #ends = new Map<string, number>();
  readonly #recording: RecordingMetrics;
  readonly #quality: Record<keyof LinkQuality, Distribution>;
  readonly #captureSpeed: CaptureSpeed;
  #startingSinceMs: number | undefined;

  constructor(options: CameraMetricsOptions) {
    const { random, durations } = options;
    this.#options = options;
    this.durations = durations;
    this.#recording = new RecordingMetrics(random);
    this.#quality = {
      bitrateKbps: new Distribution('viewerBitrate', 'Kilobits/Second', random),
      roundTripMs: new Distribution('roundTripTime', 'Milliseconds', random),
      lossPercent: new Distribution('packetLoss', 'Percent', random),
      jitterMs: new Distribution('jitter', 'Milliseconds', random),
      estimateKbps: new Distribution('estimatedBandwidth', 'Kilobits/Second', random),
    };
    this.#captureSpeed = new CaptureSpeed(random);
  }

  /** Bytes sent to viewers and to storage since the agent's start, with the headers of all layers, about. */
  get wireBytes(): number {
    this.#collect();
    return wireBytes(this.#totals) + (this.#options.condition().recording?.sentBytes ?? 0);
  }

  /** Returns what to call with the reason when the session has ended, its figures still there. */
  viewerJoined(source: ViewerSource): (end: string) => void {
    const { clock, onEvent } = this.#options;
    const viewer = new ViewerRecord(source, clock.now(), clock.monotonic());
    const startedAtMs = clock.monotonic();
    this.#viewers.add(viewer);
    onEvent({ event: 'viewer-joined', ...this.#identity(viewer) });
    return (end) => {
      if (this.#viewers.delete(viewer)) this.#left(viewer, end, clock.monotonic() - startedAtMs);
    };
  }

  /** Something is missing in the recording; epoch milliseconds. */
  recordingGap({ from, to }: { from: number; to: number }): void {
    const { camera, channelName, onEvent } = this.#options;
    this.#recording.gap(to - from);
    onEvent({
      event: 'recording-gap',
      camera,
      channelName,
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      seconds: Math.round((to - from) / 100) / 10,
    });
  }

  /** To be told of the camera's state whenever it may have changed: times the cold start. */
  cameraState(state: string): void {
    const nowMs = this.#options.clock.monotonic();
    if (state === 'streaming' && this.#startingSinceMs !== undefined)
      this.durations.record('cameraColdStart', nowMs - this.#startingSinceMs);
    if (state !== 'starting') this.#startingSinceMs = undefined;
    else this.#startingSinceMs ??= nowMs;
  }

  /** Measures the capture and every viewer's link; once for each publication. */
  measureLinks(): void {
    const nowMs = this.#options.clock.monotonic();
    this.#captureSpeed.measure(this.#options.condition(), nowMs);
    this.#collect();
    for (const viewer of this.#viewers) {
      const quality = viewer.quality(nowMs);
      for (const [name, distribution] of typedEntries(this.#quality)) {
        const value = quality[name];
        if (value !== undefined) distribution.add(value);
      }
    }
  }

  group(): MetricGroup {
    const { camera, channelName } = this.#options;
    this.#collect();
    return {
      properties: { camera, channelName },
      samples: [...this.#conditionSamples(), ...this.#viewerSamples()],
      distributions: [
        ...this.durations.distributions,
        ...Object.values(this.#quality),
        this.#captureSpeed.distribution,
        ...this.#recording.distributions,
      ],
    };
  }

  #collect(): void {
    for (const viewer of this.#viewers) viewer.collect(this.#totals);
  }

  #conditionSamples(): Sample[] {
    const { camera, signaling, offers, refused, malformed, control, recording, ...captured } =
      this.#options.condition();
    return [
      ...this.#recording.samples(recording),
      ...gauge('cameraStreaming', camera.state === 'streaming' ? 1 : 0),
      ...gauge('cameraFailed', camera.state === 'failed' ? 1 : 0),
      ...gauge('signalingConnected', signaling.connected ? 1 : 0),
      counter('captureRestarts', camera.restarts),
      counter('captureStalls', camera.stalls),
      counter('capturedFrames', captured.capturedFrames),
      counter('capturedPictures', captured.capturedPictures, 'Count', {
        name: 'captureFrameRate',
        unit: 'Count/Second',
        scale: 1,
      }),
      counter('signalingConnects', signaling.connects),
      counter('signalingRenewals', signaling.renewals),
      counter('offers', offers),
      counter('viewersRefused', refused),
      counter('offersMalformed', malformed),
      counter('controlRequests', control.requests),
      counter('controlRequestsMalformed', control.malformed),
      counter('controlRequestsRefused', control.refused),
      counter('controlRequestsDropped', control.dropped),
    ];
  }

  /** Viewers whose links do not carry every picture. */
  get #reduced(): number {
    return [...this.#viewers].filter(({ source: { reach = 'full' } }) => reach !== 'full').length;
  }

  #viewerSamples(): Sample[] {
    const totals = this.#totals;
    return [
      ...gauge('viewers', this.#viewers.size),
      ...gauge('viewersReduced', this.#reduced),
      counter('sentBytes', totals.payloadBytes, 'Bytes', {
        name: 'sentBitrate',
        unit: 'Kilobits/Second',
        scale: 8 / 1000,
      }),
      counter('sentPackets', totals.packets),
      counter('sentFrames', totals.frames),
      counter('skippedFrames', totals.skippedFrames),
      counter('gopReplays', totals.replays),
      counter('retransmittedPackets', totals.retransmittedPackets),
      counter('nackedPackets', totals.nackedPackets),
      counter('unrepairablePackets', totals.unrepairablePackets),
      counter('pictureLossIndications', totals.pictureLosses),
      counter('fullIntraRequests', totals.fullIntraRequests),
      counter('sendErrors', totals.sendErrors),
      counter('reportedPackets', totals.reportedPackets),
      counter('lostPackets', totals.lostPackets),
      ...[...this.#ends].map(([end, count]) => counter(`sessionsEnded${pascal(end)}`, count)),
    ];
  }

  #left(viewer: ViewerRecord, end: string, lastedMs: number): void {
    const { clock, onEvent, logDurations, log } = this.#options;
    viewer.collect(this.#totals);
    this.#ends.set(end, (this.#ends.get(end) ?? 0) + 1);
    const durations = viewerDurations(viewer.source.timeline);
    const known = entries(durations);
    for (const [name, durationMs] of known) this.durations.record(name, durationMs);
    const durationsMs = rounded(known);
    const { route } = viewer.source;
    onEvent({
      event: 'viewer-left',
      ...this.#identity(viewer),
      leftAt: new Date(clock.now()).toISOString(),
      seconds: Math.round(lastedMs / 100) / 10,
      end,
      ...(route !== undefined && { route }),
      durationsMs,
      sent: viewer.totals,
    });
    if (!logDurations()) return;
    const channelMs = rounded(this.durations.latestOfChannel());
    log.info({ clientId: viewer.source.clientId, durationsMs, channelMs }, 'viewer durations');
  }

  #identity({ source, joinedAtMs }: ViewerRecord) {
    const { camera, channelName } = this.#options;
    const joinedAt = new Date(joinedAtMs).toISOString();
    return { camera, channelName, clientId: source.clientId, joinedAt };
  }
}

function rounded(durations: [DurationName, number][]): Partial<Record<DurationName, number>> {
  return Object.fromEntries(durations.map(([name, ms]) => [name, Math.round(ms * 10) / 10]));
}

/** `consent-expired` → `ConsentExpired`. */
function pascal(reason: string): string {
  return reason.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function typedEntries<K extends string, V>(record: Record<K, V>): [K, V][] {
  const keys: K[] = [];
  for (const key in record) keys.push(key);
  return keys.map((key) => [key, record[key]]);
}
