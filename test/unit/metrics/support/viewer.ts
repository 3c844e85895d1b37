import type { ViewerTimeline } from '../../../../src/metrics/durations.ts';
import type { ViewerSource } from '../../../../src/metrics/viewer-record.ts';
import type { RtpSenderStats } from '../../../../src/rtp/rtp-sender-stats.ts';

export function stats(change: Partial<RtpSenderStats> = {}): RtpSenderStats {
  return {
    packets: 0,
    payloadBytes: 0,
    frames: 0,
    lastFrameAtMs: undefined,
    firstFrameAtMs: undefined,
    replays: 0,
    skippedFrames: 0,
    retransmittedPackets: 0,
    retransmittedBytes: 0,
    nackedPackets: 0,
    unrepairablePackets: 0,
    pictureLosses: 0,
    fullIntraRequests: 0,
    sendErrors: 0,
    reportedPackets: 0,
    lostPackets: 0,
    roundTripMs: undefined,
    jitterMs: undefined,
    playoutDelayMs: 0,
    ...change,
  };
}

/** A session whose figures the test sets. */
export class Viewer implements ViewerSource {
  readonly clientId: string;
  timeline: ViewerTimeline = {};
  tracks: RtpSenderStats[] = [];
  route: string | undefined;
  estimateKbps: number | undefined;
  reach = 'full';

  constructor(clientId: string) {
    this.clientId = clientId;
  }

  stats(): RtpSenderStats[] {
    return this.tracks;
  }
}
