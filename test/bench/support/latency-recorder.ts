import { parseRtcp } from '../../../src/rtp/rtcp-parse.ts';
import type { LightViewer } from './light-viewer.ts';

/** Milliseconds from a frame's capture time to the arrival of its first packet. */
export interface Latencies {
  /** At the viewer that got it first. */
  first: number[];
  /** At the viewer that got it last. */
  last: number[];
}

const VIDEO_CLOCK_KHZ = 90;
const NTP_EPOCH_SECONDS = 2_208_988_800;

interface Mapping {
  wallClockMs: number;
  rtpTimestamp: number;
}

/** Measures capture to wire: sender reports tell which wall-clock time a timestamp stands for. */
export class LatencyRecorder {
  /** Capture time (tenths of a millisecond) to arrivals. */
  readonly #frames = new Map<number, number[]>();
  #viewers = 0;

  watch(viewer: LightViewer): void {
    this.#viewers += 1;
    const mappings = new Map<number, Mapping>();
    const newest = new Map<number, number>();
    viewer.onRtcp = (packet) =>
      parseRtcp(packet, {
        onSenderReport: (ssrc, ntp, rtpTimestamp) =>
          mappings.set(ssrc, { wallClockMs: epochMs(ntp), rtpTimestamp }),
      });
    viewer.onPacket = (packet) => {
      const ssrc = packet.readUInt32BE(8);
      const timestamp = packet.readUInt32BE(4);
      const mapping = mappings.get(ssrc);
      const isFirst = newest.get(ssrc) !== timestamp;
      newest.set(ssrc, timestamp);
      if (!isFirst || !mapping || packet.length < 500) return;
      const now = performance.timeOrigin + performance.now();
      const ahead = ((timestamp - mapping.rtpTimestamp) | 0) / VIDEO_CLOCK_KHZ;
      this.#add(mapping.wallClockMs + ahead, now);
    };
  }

  /** Of the frames that every viewer got, since the last call. */
  take(): Latencies {
    const whole = [...this.#frames].filter(([, arrivals]) => arrivals.length === this.#viewers);
    this.#frames.clear();
    return {
      first: whole.map(([tenths, arrivals]) => Math.min(...arrivals) - tenths / 10),
      last: whole.map(([tenths, arrivals]) => Math.max(...arrivals) - tenths / 10),
    };
  }

  #add(capturedAtMs: number, arrivedAtMs: number): void {
    const key = Math.round(capturedAtMs * 10);
    const arrivals = this.#frames.get(key) ?? this.#frames.get(key - 1) ?? this.#frames.get(key + 1);
    if (arrivals) arrivals.push(arrivedAtMs);
    else this.#frames.set(key, [arrivedAtMs]);
  }
}

function epochMs(ntp: bigint): number {
  const seconds = Number(ntp >> 32n) - NTP_EPOCH_SECONDS;
  return seconds * 1000 + (Number(ntp & 0xffff_ffffn) / 2 ** 32) * 1000;
}
