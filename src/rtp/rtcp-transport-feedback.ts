import { NOT_RECEIVED, type RtcpHandler, type TransportFeedback } from './rtcp-types.ts';

/** More packets than a second of any stream here holds; a peer that reports on more is refused. */
const MAX_PACKETS = 8192;
const FIRST_CHUNK = 20;
const SMALL_DELTA = 1;
const LARGE_DELTA = 2;

const feedback: TransportFeedback = {
  senderSsrc: 0,
  mediaSsrc: 0,
  baseSequence: 0,
  count: 0,
  referenceTime: 0,
  feedbackCount: 0,
  arrivals: new Int32Array(MAX_PACKETS),
};

/** Reads one transport-wide feedback packet at `at` and hands it over whole, or not at all where it is malformed. */
export function parseTransportFeedback(data: Buffer, at: number, end: number, handler: RtcpHandler): boolean {
  if (end - at < FIRST_CHUNK) return false;
  feedback.senderSsrc = data.readUInt32BE(at + 4);
  feedback.mediaSsrc = data.readUInt32BE(at + 8);
  feedback.baseSequence = data.readUInt16BE(at + 12);
  feedback.count = data.readUInt16BE(at + 14);
  feedback.referenceTime = data.readIntBE(at + 16, 3);
  feedback.feedbackCount = data[at + 19]!;
  if (feedback.count > MAX_PACKETS) return false;
  const deltas = readStatuses(data, at + FIRST_CHUNK, end);
  if (deltas < 0 || !readDeltas(data, deltas, end)) return false;
  handler.onTransportFeedback?.(feedback);
  return true;
}

/** Expands the status chunks into `arrivals`; returns where the deltas start, -1 where the chunks are cut short. */
function readStatuses(data: Buffer, from: number, end: number): number {
  const { arrivals, count } = feedback;
  let at = from;
  let i = 0;
  while (i < count) {
    if (at + 2 > end) return -1;
    const chunk = data.readUInt16BE(at);
    at += 2;
    if (chunk < 0x8000) {
      const to = Math.min(i + (chunk & 0x1fff), count);
      arrivals.fill(chunk >>> 13, i, to);
      i = to;
    } else if (chunk < 0xc000) {
      for (let bit = 13; bit >= 0 && i < count; bit--) arrivals[i++] = (chunk >>> bit) & 1;
    } else {
      for (let bit = 12; bit >= 0 && i < count; bit -= 2) arrivals[i++] = (chunk >>> bit) & 3;
    }
  }
  return at;
}

/** Replaces each status in `arrivals` by the arrival that its delta gives; false where deltas are missing. */
function readDeltas(data: Buffer, from: number, end: number): boolean {
  const { arrivals, count } = feedback;
  let at = from;
  let arrival = 0;
  for (let i = 0; i < count; i++) {
    const status = arrivals[i];
    if (status === SMALL_DELTA) {
      if (at + 1 > end) return false;
      arrival += data[at]!;
      at += 1;
    } else if (status === LARGE_DELTA) {
      if (at + 2 > end) return false;
      arrival += data.readInt16BE(at);
      at += 2;
    }
    arrivals[i] = status === SMALL_DELTA || status === LARGE_DELTA ? arrival : NOT_RECEIVED;
  }
  return true;
}
