import type { MediaCodec } from '../rtp/access-unit.ts';
import type { DtlsSetup, Fingerprint, IceParameters, Offer, OfferedMedia } from './sdp.ts';

/** RFC 9143 section 9. */
export const MID_EXTENSION = 'urn:ietf:params:rtp-hdrext:sdes:mid';
/** draft-holmer-rmcat-transport-wide-cc-extensions-01. */
export const TRANSPORT_CC_EXTENSION =
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';
/** libwebrtc's docs/native-code/rtp-hdrext/playout-delay. */
export const PLAYOUT_DELAY_EXTENSION = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';

/** What the agent can send to this viewer. */
export interface Capabilities {
  video: MediaCodec;
  /** H.264 only: profile_idc, profile-iop and level of the stream, six hexadecimal digits. */
  h264ProfileLevelId?: string;
  audio: MediaCodec | undefined;
  dataChannel: boolean;
  /** The viewer may speak. */
  talk: boolean;
  twcc: boolean;
}

export interface AcceptedRtp {
  accepted: true;
  kind: 'audio' | 'video';
  media: OfferedMedia;
  codec: MediaCodec;
  payloadType: number;
  rtx: number | undefined;
  /** False where the viewer does not want it (any more): a place kept in the answer, and nothing is sent. */
  sending: boolean;
  /** Sound that the viewer sends is taken. */
  receiving: boolean;
  /** RFC 8285 one-byte ids; undefined when not offered (or not usable as one-byte). */
  midExtension: number | undefined;
  transportCcExtension: number | undefined;
  playoutDelayExtension: number | undefined;
  feedback: string[];
}

export interface AcceptedData {
  accepted: true;
  kind: 'application';
  media: OfferedMedia;
}

export interface RejectedMedia {
  accepted: false;
  kind: string;
  media: OfferedMedia;
  reason: string;
}

export type MediaDecision = AcceptedRtp | AcceptedData | RejectedMedia;

/** The transport parameters of the one BUNDLEd transport. */
export interface RemoteTransport {
  ice: IceParameters;
  iceLite: boolean;
  fingerprints: Fingerprint[];
  setup: DtlsSetup;
  candidates: string[];
}

export type Negotiation =
  | { ok: true; decisions: MediaDecision[]; transport: RemoteTransport }
  | { ok: false; decisions: RejectedMedia[]; reason: string };

/** Decides section by section what of an offer is answered and how. Pure. */
export function negotiate(offer: Offer, capabilities: Capabilities): Negotiation {
  const decisions = offer.media.map((media) => decide(media, offer, capabilities));
  const first = decisions.find((decision) => decision.accepted && isServed(decision));
  if (!first) return refuse(offer, describeRefusal(decisions));
  const tagged = offer.bundle.length > 0 ? offer.media.find(({ mid }) => mid === offer.bundle[0]) : undefined;
  const { ice, fingerprints, setup } = tagged?.ice ? tagged : first.media;
  if (!ice) return refuse(offer, 'the offer has no ICE user name and password');
  if (fingerprints.length === 0) return refuse(offer, 'the offer has no DTLS fingerprint');
  const candidates = offer.media.flatMap((media) => media.candidates);
  const { iceLite } = offer;
  return {
    ok: true,
    decisions,
    transport: { ice, iceLite, fingerprints, setup: setup ?? 'actpass', candidates },
  };
}

function isServed(decision: AcceptedRtp | AcceptedData): boolean {
  return decision.kind === 'application' || decision.sending || decision.receiving;
}

/** True when both answer the same media in the same way. */
export function isSameMedia(a: MediaDecision, b: MediaDecision): boolean {
  return describe(a) === describe(b);
}

function describe(decision: MediaDecision): string {
  if (!decision.accepted) return 'rejected';
  const { kind, media } = decision;
  if (decision.kind === 'application') return `${kind} ${media.mid}`;
  const { payloadType, rtx, sending, midExtension, transportCcExtension, playoutDelayExtension } = decision;
  const extensions = [midExtension, transportCcExtension, playoutDelayExtension];
  return [kind, media.mid, payloadType, rtx, sending, ...extensions].join(' ');
}

/** Every section rejected: the viewer learns at once that it will get nothing (RFC 3264 section 6). */
export function refuse(offer: Offer, reason: string): Negotiation & { ok: false } {
  return { ok: false, reason, decisions: offer.media.map((media) => reject(media, reason)) };
}

function describeRefusal(decisions: readonly MediaDecision[]): string {
  const reasons = decisions.map((decision) =>
    decision.accepted ? `${decision.kind}: not wanted` : `${decision.kind}: ${decision.reason}`,
  );
  return `nothing in the offer can be served (${reasons.join('; ')})`;
}

function reject(media: OfferedMedia, reason: string): RejectedMedia {
  return { accepted: false, kind: media.kind, media, reason };
}

function decide(media: OfferedMedia, offer: Offer, capabilities: Capabilities): MediaDecision {
  if (media.port === 0 && !offer.bundle.includes(media.mid))
    return reject(media, 'rejected by the viewer itself');
  // One transport only: without BUNDLE the first section is served and the others are refused.
  const alone = offer.bundle.length === 0 && offer.media.length > 1;
  if (alone ? media !== offer.media[0] : offer.bundle.length > 0 && !offer.bundle.includes(media.mid)) {
    return reject(media, 'not in the BUNDLE group');
  }
  if (media.kind === 'application') return decideData(media, capabilities);
  if (media.kind !== 'audio' && media.kind !== 'video')
    return reject(media, `media kind ${media.kind.slice(0, 20)} is unknown`);
  if (!media.rtcpMux) return reject(media, 'rtcp-mux is required');
  const own = media.kind === 'video' ? capabilities.video : capabilities.audio;
  const receiving = media.kind === 'audio' && capabilities.talk && viewerSends(media);
  if (own === undefined && !receiving) return reject(media, 'the camera has no sound');
  const codec = [...(own ? [own] : []), ...(receiving ? SPOKEN : [])].find(
    (one) => choosePayloadType(media, one, undefined) !== undefined,
  );
  const payloadType = codec && choosePayloadType(media, codec, capabilities.h264ProfileLevelId);
  if (codec === undefined || payloadType === undefined) return reject(media, `${own} is not offered`);
  return {
    accepted: true,
    kind: media.kind,
    media,
    codec,
    payloadType,
    rtx: media.kind === 'video' ? findRtx(media, payloadType) : undefined,
    // Both directions have one codec: with another than the camera's, the viewer only speaks.
    sending: codec === own && (media.direction === 'recvonly' || media.direction === 'sendrecv'),
    receiving,
    midExtension: oneByteExtension(media, MID_EXTENSION),
    transportCcExtension: capabilities.twcc ? oneByteExtension(media, TRANSPORT_CC_EXTENSION) : undefined,
    playoutDelayExtension:
      media.kind === 'video' ? oneByteExtension(media, PLAYOUT_DELAY_EXTENSION) : undefined,
    feedback: chooseFeedback(media, payloadType, capabilities.twcc),
  };
}

/** What can be played, best first. */
const SPOKEN: readonly MediaCodec[] = ['opus', 'pcmu', 'pcma'];

function viewerSends({ direction }: OfferedMedia): boolean {
  return direction === 'sendonly' || direction === 'sendrecv';
}

function decideData(media: OfferedMedia, capabilities: Capabilities): MediaDecision {
  if (!capabilities.dataChannel) return reject(media, 'data channels are switched off (dataChannel.enabled)');
  if (!media.formats.includes('webrtc-datachannel')) return reject(media, 'not a WebRTC data channel');
  return { accepted: true, kind: 'application', media };
}

const ENCODING_NAME: Record<MediaCodec, string> = {
  h264: 'H264',
  h265: 'H265',
  vp8: 'VP8',
  opus: 'OPUS',
  pcmu: 'PCMU',
  pcma: 'PCMA',
};
/** RFC 3551 table 4: payload types that need no rtpmap. */
const STATIC_PAYLOAD_TYPES: Partial<Record<MediaCodec, number>> = { pcmu: 0, pcma: 8 };

function choosePayloadType(
  media: OfferedMedia,
  codec: MediaCodec,
  h264Profile: string | undefined,
): number | undefined {
  const candidates = media.formats
    .map(Number)
    .filter(
      (pt) =>
        media.rtpMaps.get(pt)?.name === ENCODING_NAME[codec] ||
        (!media.rtpMaps.has(pt) && pt === STATIC_PAYLOAD_TYPES[codec]),
    );
  if (codec !== 'h264') return candidates[0];
  // RFC 6184 section 8.1: fragmented units need packetization mode 1; the profile is matched where it can be.
  const score = (pt: number): number => {
    const parameters = media.formatParameters.get(pt);
    const mode = parameters?.get('packetization-mode') === '1' ? 2 : 0;
    const profile = (parameters?.get('profile-level-id') ?? '42000a').slice(0, 4).toLowerCase();
    return mode + (profile === h264Profile?.slice(0, 4).toLowerCase() ? 1 : 0);
  };
  return candidates.toSorted((a, b) => score(b) - score(a))[0];
}

/** RFC 4588 section 8.1: the retransmission payload type names its original in `apt`. */
function findRtx(media: OfferedMedia, payloadType: number): number | undefined {
  return media.formats
    .map(Number)
    .find(
      (pt) =>
        media.rtpMaps.get(pt)?.name === 'RTX' &&
        media.formatParameters.get(pt)?.get('apt') === String(payloadType),
    );
}

/** RFC 8285 section 4.2: one-byte headers carry ids 1 to 14. */
function oneByteExtension(media: OfferedMedia, uri: string): number | undefined {
  const id = media.extensions.get(uri);
  return id !== undefined && id >= 1 && id <= 14 ? id : undefined;
}

function chooseFeedback(media: OfferedMedia, payloadType: number, twcc: boolean): string[] {
  const offered = new Set([...(media.feedback.get(payloadType) ?? []), ...(media.feedback.get(-1) ?? [])]);
  const wanted = ['nack', 'nack pli', 'ccm fir', 'goog-remb', ...(twcc ? ['transport-cc'] : [])];
  return wanted.filter((feedback) => offered.has(feedback));
}
