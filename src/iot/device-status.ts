import type { JsonObject } from '../config/layers.ts';
import type { Clock } from '../runtime/clock.ts';
import { aborted } from '../runtime/clock.ts';

export type CameraState = 'off' | 'starting' | 'streaming' | 'failed';

export interface CameraStatus {
  state: CameraState;
  /** Why, where it is `failed` or starts again. */
  reason?: string;
  viewers: number;
  /** The one that is sent, or the best of those. */
  rendition?: string;
  /** Epoch milliseconds. */
  lastFrameAt?: number;
  /** What the slowest viewer's link carries, and how much of the picture it gets for that: `full`, `thinned`, `keyframes`, `audio`. */
  slowest?: { estimateKbps: number; reach: string };
  /** Absent where the camera is not recorded. `reason`: why it does not record; else empty. */
  recording?: { state: string; reason: string };
}

export interface DeviceStatusOptions {
  agentVersion: string;
  /** The cameras as they are now, by name. */
  cameras: () => Record<string, CameraStatus>;
  /** Takes the whole `reported` section of the status shadow. */
  report: (reported: JsonObject) => void;
  clock: Clock;
  /** Default 5 min: each is an update of the shadow, which AWS charges for. */
  heartbeatMs?: number;
}

const HEARTBEAT_MS = 300_000;
const MAX_REASON_LENGTH = 120;

/**
 * The state of the cameras for the status shadow, which has no desired:
 * `{agentVersion, startedAt, heartbeatAt, heartbeatSeconds, cameras: {<name>: {state, reason?, viewers, rendition?,
 * lastFrameAt?, slowest?: {estimateKbps, reach}, recording?: {state, reason?}}}}`, times as ISO 8601. A device not heard of for two or three heartbeats is offline: over the
 * nucleus there is no last will. `lastFrameAt` and `estimateKbps` move with the others and with the heartbeat, not with each frame.
 */
export class DeviceStatus {
  readonly #options: DeviceStatusOptions;
  #startedAt = '';
  #heartbeatAt = '';

  constructor(options: DeviceStatusOptions) {
    this.#options = options;
  }

  /** Something has changed. Before `run` nothing is reported: there is no heartbeat yet. */
  update(): void {
    if (this.#heartbeatAt === '') return;
    const { agentVersion, cameras, report, heartbeatMs = HEARTBEAT_MS } = this.#options;
    const entries = Object.entries(cameras()).map(([name, camera]) => [name, compact(camera)] as const);
    report({
      agentVersion,
      startedAt: this.#startedAt,
      heartbeatAt: this.#heartbeatAt,
      heartbeatSeconds: heartbeatMs / 1000,
      cameras: Object.fromEntries(entries),
    });
  }

  /** Beats until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, heartbeatMs = HEARTBEAT_MS } = this.#options;
    this.#startedAt ||= isoSeconds(clock.now());
    const beat = () => {
      this.#heartbeatAt = isoSeconds(clock.now());
      this.update();
    };
    beat();
    const timer = clock.every(heartbeatMs, beat);
    await aborted(signal);
    timer.cancel();
  }
}

/** One camera as the shadow and the `status` command show it. */
export function compact({
  state,
  reason,
  viewers,
  rendition,
  lastFrameAt,
  slowest,
  recording,
}: CameraStatus): JsonObject {
  return {
    state,
    ...(reason === undefined ? {} : { reason: reason.slice(0, MAX_REASON_LENGTH) }),
    viewers,
    ...(rendition === undefined ? {} : { rendition }),
    ...(lastFrameAt === undefined ? {} : { lastFrameAt: isoSeconds(lastFrameAt) }),
    ...(slowest === undefined ? {} : { slowest: { ...slowest } }),
    ...(recording === undefined ? {} : { recording: compactRecording(recording) }),
  };
}

function compactRecording({ state, reason }: { state: string; reason: string }): JsonObject {
  return { state, ...(reason === '' ? {} : { reason: reason.slice(0, MAX_REASON_LENGTH) }) };
}

function isoSeconds(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
