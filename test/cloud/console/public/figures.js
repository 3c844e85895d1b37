/** Turns RTCPeerConnection.getStats() into the figures a person or a test wants. */

/**
 * @typedef {object} TrackFigures
 * @property {string} codec e.g. `H264`
 * @property {string} codecParameters the fmtp line
 * @property {number} bytesReceived
 * @property {number} packetsReceived
 * @property {number} packetsLost
 * @property {number} jitterMs
 * @property {number} jitterBufferMs mean wait in the jitter buffer since the start
 */

/**
 * @typedef {object} Figures
 * @property {number} atMs `performance.now()` of the reading
 * @property {(TrackFigures & { width: number, height: number, framesPerSecond: number, framesReceived: number,
 *   framesDecoded: number, framesDropped: number, keyFramesDecoded: number, freezeCount: number, nackCount: number,
 *   pliCount: number }) | null} video
 * @property {TrackFigures | null} audio
 * @property {{ local: string, remote: string, protocol: string, roundTripMs: number } | null} route
 * @property {Record<'video' | 'audio', number | undefined>} senderClockMs by how much the clock of the last sender
 *   report is behind this machine's (the way here included); undefined before the first report
 */

/**
 * @param {RTCPeerConnection} peer
 * @returns {Promise<Figures>}
 */
export async function readFigures(peer) {
  const report = await peer.getStats();
  const figures = { atMs: performance.now(), video: null, audio: null, route: null, senderClockMs: {} };
  for (const entry of report.values()) {
    if (entry.type === 'transport') figures.route = route(report, entry);
    if (entry.type === 'remote-outbound-rtp') {
      figures.senderClockMs[entry.kind] = entry.timestamp - entry.remoteTimestamp;
    }
    if (entry.type !== 'inbound-rtp') continue;
    if (entry.kind === 'video') figures.video = videoFigures(report, entry);
    if (entry.kind === 'audio') figures.audio = trackFigures(report, entry);
  }
  return figures;
}

function trackFigures(report, inbound) {
  const codec = report.get(inbound.codecId);
  return {
    codec: codec?.mimeType.split('/')[1] ?? '',
    codecParameters: codec?.sdpFmtpLine ?? '',
    bytesReceived: inbound.bytesReceived,
    packetsReceived: inbound.packetsReceived,
    packetsLost: inbound.packetsLost,
    jitterMs: inbound.jitter * 1000,
    jitterBufferMs: (1000 * inbound.jitterBufferDelay) / Math.max(1, inbound.jitterBufferEmittedCount),
  };
}

function videoFigures(report, inbound) {
  return {
    ...trackFigures(report, inbound),
    width: inbound.frameWidth ?? 0,
    height: inbound.frameHeight ?? 0,
    framesPerSecond: inbound.framesPerSecond ?? 0,
    framesReceived: inbound.framesReceived ?? 0,
    framesDecoded: inbound.framesDecoded ?? 0,
    framesDropped: inbound.framesDropped ?? 0,
    keyFramesDecoded: inbound.keyFramesDecoded ?? 0,
    freezeCount: inbound.freezeCount ?? 0,
    nackCount: inbound.nackCount ?? 0,
    pliCount: inbound.pliCount ?? 0,
  };
}

function route(report, transport) {
  const pair = report.get(transport.selectedCandidatePairId);
  const local = report.get(pair?.localCandidateId);
  const remote = report.get(pair?.remoteCandidateId);
  if (!local || !remote) return null;
  return {
    local: local.candidateType,
    remote: remote.candidateType,
    protocol: local.relayProtocol ?? local.protocol,
    roundTripMs: (pair.currentRoundTripTime ?? 0) * 1000,
  };
}

/**
 * Kilobits per second between two readings of one track.
 * @param {TrackFigures | null} before
 * @param {TrackFigures | null} after
 * @param {number} elapsedMs
 */
export function bitrateKbps(before, after, elapsedMs) {
  if (!before || !after || elapsedMs <= 0) return 0;
  return ((after.bytesReceived - before.bytesReceived) * 8) / elapsedMs;
}

/**
 * Share of one track's packets that did not arrive between two readings, percent. Retransmitted ones count as arrived.
 * @param {TrackFigures | null} before
 * @param {TrackFigures | null} after
 */
export function lossPercent(before, after) {
  if (!before || !after) return 0;
  const lost = Math.max(0, after.packetsLost - before.packetsLost);
  const received = after.packetsReceived - before.packetsReceived;
  return lost + received > 0 ? (100 * lost) / (lost + received) : 0;
}
