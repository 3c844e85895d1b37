import { parseRtcp } from '../../../src/rtp/rtcp-parse.ts';
import type { LightViewer } from './light-viewer.ts';
import type { Departures } from './wire-clock.ts';

/** What a sender report tells: the wall-clock time, epoch milliseconds, that a timestamp stands for. */
export interface Mapping {
  wallClockMs: number;
  rtpTimestamp: number;
}

/** By SSRC. */
export type Mappings = Record<string, Mapping>;

/** Milliseconds from a picture's capture time to the departure of its first packet. */
export interface Latencies {
  /** To the viewer that it left to first. */
  first: number[];
  /** To the viewer that it left to last. */
  last: number[];
}

const VIDEO_CLOCK_KHZ = 90;
const NTP_EPOCH_SECONDS = 2_208_988_800;

/** Learns from a viewer's sender reports; the first one holds for good. */
export function learnMappings(viewer: LightViewer, mappings: Mappings): void {
  viewer.onRtcp = (packet) =>
    parseRtcp(packet, {
      onSenderReport: (ssrc, ntp, rtpTimestamp) => {
        mappings[ssrc] ??= { wallClockMs: epochMs(ntp), rtpTimestamp };
      },
    });
}

/** Of the pictures that left to every viewer. */
export function latencies(departures: Departures, mappings: Mappings, viewers: number): Latencies {
  /** Departures by capture time, in tenths of a millisecond. */
  const pictures = new Map<number, number[]>();
  for (const [ssrc, { wallClockMs, rtpTimestamp }] of Object.entries(mappings)) {
    for (const [timestamp, leftAtMs] of Object.entries(departures[ssrc] ?? {})) {
      const capturedAtMs = wallClockMs + ((Number(timestamp) - rtpTimestamp) | 0) / VIDEO_CLOCK_KHZ;
      const key = Math.round(capturedAtMs * 10);
      const left = pictures.get(key) ?? pictures.get(key - 1) ?? pictures.get(key + 1);
      if (left) left.push(leftAtMs);
      else pictures.set(key, [leftAtMs]);
    }
  }
  const whole = [...pictures].filter(([, left]) => left.length === viewers);
  return {
    first: whole.map(([tenths, left]) => Math.min(...left) - tenths / 10),
    last: whole.map(([tenths, left]) => Math.max(...left) - tenths / 10),
  };
}

function epochMs(ntp: bigint): number {
  const seconds = Number(ntp >> 32n) - NTP_EPOCH_SECONDS;
  return seconds * 1000 + (Number(ntp & 0xffff_ffffn) / 2 ** 32) * 1000;
}
