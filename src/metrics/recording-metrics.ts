import type { Random } from '../runtime/random.ts';
import { Distribution } from './distribution.ts';
import { counter, gauge, type Sample } from './sample.ts';

/** A camera's recording as it is now; counts are since the agent's start. */
export interface RecordingCondition {
  isRecording: boolean;
  /** JoinStorageSession calls. */
  joins: number;
  /** Sessions that received. */
  sessions: number;
  /** Those that followed without a break. */
  renewals: number;
  /** Sessions that ended unasked. */
  losses: number;
  gaps: number;
  /** Payload and headers, about. */
  sentBytes: number;
}

/** What is measured about one camera's recording. */
export class RecordingMetrics {
  readonly #gaps: Distribution;
  #gapMs = 0;

  constructor(random: Random) {
    this.#gaps = new Distribution('recordingGap', 'Milliseconds', random);
  }

  get distributions(): Distribution[] {
    return [this.#gaps];
  }

  gap(durationMs: number): void {
    this.#gapMs += durationMs;
    this.#gaps.add(durationMs);
  }

  samples(condition: RecordingCondition | undefined): Sample[] {
    if (!condition) return [];
    const { isRecording, joins, sessions, renewals, losses, gaps, sentBytes } = condition;
    return [
      ...gauge('recording', isRecording ? 1 : 0),
      counter('storageJoins', joins),
      counter('storageSessions', sessions),
      counter('storageRenewals', renewals),
      counter('storageLosses', losses),
      counter('recordingGaps', gaps),
      counter('recordingGapTime', Math.round(this.#gapMs), 'Milliseconds'),
      counter('recordedBytes', sentBytes, 'Bytes'),
    ];
  }
}
