import type { AcceptedRtp, MediaDecision } from './negotiate.ts';
import { MID_EXTENSION, PLAYOUT_DELAY_EXTENSION, TRANSPORT_CC_EXTENSION } from './negotiate.ts';
import type { Direction, Fingerprint, IceParameters, Offer } from './sdp.ts';

/** Our side of the one transport. */
export interface LocalTransport {
  ice: IceParameters;
  fingerprint: Fingerprint;
  /** RFC 8842: `passive` makes us the DTLS server. */
  setup: 'active' | 'passive';
  /** `candidate:…` lines known already; the rest trickles. */
  candidates: readonly string[];
}

/** What the answer announces for one sent track. */
export interface LocalTrack {
  ssrc: number;
  rtxSsrc: number;
  cname: string;
  streamId: string;
}

export const SCTP_PORT = 5000;
/** RFC 8841: the largest data channel message we take. */
export const MAX_MESSAGE_BYTES = 262_144;

/**
 * The SDP answer (RFC 8829 section 5.3.1): one section for each of the offer's, in its order; rejected ones with port 0.
 * `transport` is undefined for a refusal, where no section is accepted. `origin`: one session id, a version that grows with each answer.
 */
export function buildAnswer(
  offer: Offer,
  decisions: readonly MediaDecision[],
  transport: LocalTransport | undefined,
  tracks: ReadonlyMap<MediaDecision, LocalTrack>,
  origin: { sessionId: number; version: number },
): string {
  const accepted = decisions.filter((decision) => decision.accepted);
  const lines = ['v=0', `o=- ${origin.sessionId} ${origin.version} IN IP4 127.0.0.1`, 's=-', 't=0 0'];
  if (offer.bundle.length > 0)
    lines.push(['a=group:BUNDLE', ...accepted.map(({ media }) => media.mid)].join(' '));
  if (offer.extmapAllowMixed) lines.push('a=extmap-allow-mixed');
  lines.push('a=msid-semantic: WMS *');
  for (const decision of decisions) {
    if (!decision.accepted || !transport) lines.push(...rejectedSection(decision));
    else if (decision.kind === 'application')
      lines.push(...dataSection(decision.media.protocol, decision.media.mid), ...transportLines(transport));
    else lines.push(...rtpSection(decision, tracks.get(decision)), ...transportLines(transport));
  }
  return lines.join('\r\n') + '\r\n';
}

function rejectedSection({ media }: MediaDecision): string[] {
  const lines = [
    `m=${media.kind} 0 ${media.protocol} ${media.formats.join(' ')}`,
    'c=IN IP4 0.0.0.0',
    'a=inactive',
  ];
  if (media.mid !== '') lines.push(`a=mid:${media.mid}`);
  return lines;
}

function dataSection(protocol: string, mid: string): string[] {
  return [
    `m=application 9 ${protocol} webrtc-datachannel`,
    'c=IN IP4 0.0.0.0',
    `a=mid:${mid}`,
    `a=sctp-port:${SCTP_PORT}`,
    `a=max-message-size:${MAX_MESSAGE_BYTES}`,
  ];
}

function rtpSection(decision: AcceptedRtp, track: LocalTrack | undefined): string[] {
  const { media, payloadType, rtx } = decision;
  const lines = [
    `m=${media.kind} 9 ${media.protocol} ${[payloadType, ...(rtx === undefined ? [] : [rtx])].join(' ')}`,
    'c=IN IP4 0.0.0.0',
  ];
  if (media.mid !== '') lines.push(`a=mid:${media.mid}`);
  lines.push(`a=${directionOf(decision)}`, 'a=rtcp-mux', 'a=rtcp-rsize');
  if (decision.midExtension !== undefined) lines.push(`a=extmap:${decision.midExtension} ${MID_EXTENSION}`);
  if (decision.transportCcExtension !== undefined)
    lines.push(`a=extmap:${decision.transportCcExtension} ${TRANSPORT_CC_EXTENSION}`);
  if (decision.playoutDelayExtension !== undefined)
    lines.push(`a=extmap:${decision.playoutDelayExtension} ${PLAYOUT_DELAY_EXTENSION}`);
  lines.push(...codecLines(decision));
  if (!track) return lines;
  lines.push(`a=msid:${track.streamId} ${media.kind}`);
  if (rtx !== undefined) lines.push(`a=ssrc-group:FID ${track.ssrc} ${track.rtxSsrc}`);
  // The media's own SSRC first: browsers take the first line for it, whatever the group says.
  lines.push(`a=ssrc:${track.ssrc} cname:${track.cname}`);
  if (rtx !== undefined) lines.push(`a=ssrc:${track.rtxSsrc} cname:${track.cname}`);
  return lines;
}

function directionOf({ sending, receiving }: AcceptedRtp): Direction {
  if (sending) return receiving ? 'sendrecv' : 'sendonly';
  return receiving ? 'recvonly' : 'inactive';
}

function codecLines({ media, payloadType, rtx, feedback }: AcceptedRtp): string[] {
  const lines: string[] = [];
  const map = media.rtpMaps.get(payloadType);
  if (map)
    lines.push(
      `a=rtpmap:${payloadType} ${map.name === 'OPUS' ? 'opus' : map.name}/${map.clockRate}${map.channels > 1 ? `/${map.channels}` : ''}`,
    );
  const parameters = media.formatParameters.get(payloadType);
  if (parameters)
    lines.push(
      `a=fmtp:${payloadType} ${[...parameters].map(([key, value]) => (value === '' ? key : `${key}=${value}`)).join(';')}`,
    );
  for (const value of feedback) lines.push(`a=rtcp-fb:${payloadType} ${value}`);
  if (rtx !== undefined) lines.push(`a=rtpmap:${rtx} rtx/90000`, `a=fmtp:${rtx} apt=${payloadType}`);
  return lines;
}

function transportLines(transport: LocalTransport): string[] {
  return [
    `a=ice-ufrag:${transport.ice.usernameFragment}`,
    `a=ice-pwd:${transport.ice.password}`,
    'a=ice-options:trickle',
    `a=fingerprint:${transport.fingerprint.algorithm} ${transport.fingerprint.value}`,
    `a=setup:${transport.setup}`,
    ...transport.candidates.map((candidate) => `a=${candidate}`),
  ];
}
