import type { Span } from './durations.ts';

/** Start and end of each step, epoch milliseconds; what did not happen (served from a cache, say) is missing and sent as 0. */
export interface ProfilingTimes {
  signaling: Span;
  offerReceiptTime: number;
  sendAnswerTime: number;
  describeChannel?: Span;
  getSignalingChannelEndpoint?: Span;
  getIceServerConfig?: Span;
  getToken?: Span;
  createChannel?: Span;
  connect?: Span;
  peerConnection: Span;
  candidateGathering: Span;
}

/** The data channel that AWS's test page opens for it. */
export const PROFILING_CHANNEL = 'kvsDataChannel';
const MASTER_MESSAGE = 'This message is from the KVS Master';
const MAX_MESSAGE_CHARS = 4096;
const MAX_TIMESTAMP_CHARS = 20;
/** In the order in which master and viewer fill them in. */
const TIMESTAMPS = [
  'firstMessageFromViewerTs',
  'firstMessageFromMasterTs',
  'secondMessageFromViewerTs',
  'secondMessageFromMasterTs',
  'lastMessageFromViewerTs',
] as const;

/**
 * What to send back for a message of AWS's test page (its option "profiling"), in order; nothing for any other message. The page's
 * latency message comes back with the master's next timestamp in it; after the viewer's last one come the three documents that it plots.
 * https://github.com/awslabs/amazon-kinesis-video-streams-webrtc-sdk-js, examples/viewer.js
 */
export function answerProfiling(message: string, nowMs: number, times: () => ProfilingTimes): string[] {
  const stamps = parse(message);
  if (!stamps) return [];
  if (stamps.lastMessageFromViewerTs !== '') return documents(times());
  const next =
    stamps.firstMessageFromMasterTs === '' ? 'firstMessageFromMasterTs' : 'secondMessageFromMasterTs';
  if (stamps[next] === '') stamps[next] = String(nowMs);
  return [JSON.stringify({ content: MASTER_MESSAGE, ...stamps })];
}

function parse(message: string): Record<(typeof TIMESTAMPS)[number], string> | undefined {
  if (message.length > MAX_MESSAGE_CHARS || !message.includes('firstMessageFromViewerTs')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'firstMessageFromViewerTs'))
    return undefined;
  const members = new Map<string, unknown>(Object.entries(value));
  const stamp = (name: string) => {
    const text = members.get(name);
    return typeof text === 'string' || typeof text === 'number'
      ? String(text).slice(0, MAX_TIMESTAMP_CHARS)
      : '';
  };
  const [firstViewer, firstMaster, secondViewer, secondMaster, lastViewer] = TIMESTAMPS;
  return {
    [firstViewer]: stamp(firstViewer),
    [firstMaster]: stamp(firstMaster),
    [secondViewer]: stamp(secondViewer),
    [secondMaster]: stamp(secondMaster),
    [lastViewer]: stamp(lastViewer),
  };
}

function documents(times: ProfilingTimes): string[] {
  const { offerReceiptTime, sendAnswerTime } = times;
  const signaling = {
    ...span('signaling', times.signaling),
    offerReceiptTime: Math.round(offerReceiptTime),
    sendAnswerTime: Math.round(sendAnswerTime),
    ...span('describeChannel', times.describeChannel),
    ...span('getSignalingChannelEndpoint', times.getSignalingChannelEndpoint),
    ...span('getIceServerConfig', times.getIceServerConfig),
    ...span('getToken', times.getToken),
    ...span('createChannel', times.createChannel),
    ...span('connect', times.connect),
  };
  const peerConnection = span('peerConnection', times.peerConnection);
  return [signaling, peerConnection, span('candidateGathering', times.candidateGathering)].map((document) =>
    JSON.stringify(document),
  );
}

function span(name: string, { startMs, endMs }: Span = { startMs: 0, endMs: 0 }): Record<string, number> {
  return { [`${name}StartTime`]: Math.round(startMs), [`${name}EndTime`]: Math.round(endMs) };
}
