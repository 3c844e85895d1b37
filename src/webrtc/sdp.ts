/** Longest session description that is read; browsers' offers stay below 20 kB. */
const MAX_SDP_BYTES = 64 * 1024;
const MAX_MEDIA_SECTIONS = 32;
const MAX_LINES = 4_000;

export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
/** RFC 4145 `a=setup`. */
export type DtlsSetup = 'actpass' | 'active' | 'passive';

export interface RtpMap {
  /** Upper case. */
  name: string;
  clockRate: number;
  channels: number;
}

export interface Fingerprint {
  algorithm: string;
  value: string;
}

export interface IceParameters {
  usernameFragment: string;
  password: string;
}

/** One `m=` section of an offer, with session-level transport attributes already filled in. */
export interface OfferedMedia {
  kind: string;
  port: number;
  protocol: string;
  /** The format list of the `m=` line, as offered. */
  formats: string[];
  mid: string;
  direction: Direction;
  rtcpMux: boolean;
  rtpMaps: Map<number, RtpMap>;
  /** Format parameters by payload type, keys in lower case. */
  formatParameters: Map<number, Map<string, string>>;
  /** `a=rtcp-fb` values by payload type; `*` applies to all and stands under -1. */
  feedback: Map<number, string[]>;
  /** RFC 8285 header extension ids by URI. */
  extensions: Map<string, number>;
  ice: IceParameters | undefined;
  fingerprints: Fingerprint[];
  setup: DtlsSetup | undefined;
  /** `a=candidate` values without the `candidate:` prefix. */
  candidates: string[];
  /** RFC 8841; undefined: not said. */
  sctpPort: number | undefined;
  maxMessageSize: number | undefined;
}

export interface Offer {
  /** From the `o=` line: the same for every offer of one peer connection (RFC 8829 section 5.2.1). */
  sessionId: string;
  /** The peer only answers checks (RFC 8445 section 2.5). */
  iceLite: boolean;
  media: OfferedMedia[];
  /** mids of the BUNDLE group (RFC 9143); empty when the offer has none. */
  bundle: string[];
  trickle: boolean;
  extmapAllowMixed: boolean;
}

/** The session description cannot be used; the text says why. */
export class SdpError extends Error {
  override readonly name = 'SdpError';
}

interface Attribute {
  key: string;
  value: string;
}

interface Section {
  /** What stands after `m=`; of the session after `o=`. */
  line: string;
  attributes: Attribute[];
}

/**
 * Reads an SDP offer (RFC 8866, RFC 8829) from an untrusted peer.
 * @throws SdpError when it is no session description or exceeds the bounds above.
 */
export function parseOffer(sdp: string): Offer {
  if (sdp.length > MAX_SDP_BYTES)
    throw new SdpError(`offer of ${sdp.length} characters exceeds ${MAX_SDP_BYTES}`);
  const { session, media } = splitSections(sdp);
  const group = session.attributes.find(({ key, value }) => key === 'group' && value.startsWith('BUNDLE'));
  return {
    sessionId: session.line.split(' ')[1] ?? '',
    iceLite: values(session, 'ice-lite').length > 0,
    media: media.map((section, index) => readMedia(section, session, index)),
    bundle: group ? group.value.split(' ').slice(1) : [],
    trickle: [session, ...media].some((s) =>
      values(s, 'ice-options').some((v) => v.split(' ').includes('trickle')),
    ),
    extmapAllowMixed: [session, ...media].some((s) =>
      s.attributes.some(({ key }) => key === 'extmap-allow-mixed'),
    ),
  };
}

function splitSections(sdp: string): { session: Section; media: Section[] } {
  const lines = sdp.split(/\r?\n/);
  if (lines[0] !== 'v=0') throw new SdpError('offer does not begin with v=0');
  if (lines.length > MAX_LINES) throw new SdpError(`offer has more than ${MAX_LINES} lines`);
  const session: Section = { line: '', attributes: [] };
  const media: Section[] = [];
  let current = session;
  for (const line of lines) {
    if (line.startsWith('o=') && current === session) {
      session.line = line.slice(2);
    } else if (line.startsWith('m=')) {
      if (media.length === MAX_MEDIA_SECTIONS)
        throw new SdpError(`offer has more than ${MAX_MEDIA_SECTIONS} media sections`);
      current = { line: line.slice(2), attributes: [] };
      media.push(current);
    } else if (line.startsWith('a=')) {
      const colon = line.indexOf(':');
      if (colon < 0) current.attributes.push({ key: line.slice(2), value: '' });
      else current.attributes.push({ key: line.slice(2, colon), value: line.slice(colon + 1) });
    }
  }
  if (media.length === 0) throw new SdpError('offer has no media section');
  return { session, media };
}

function values(section: Section, key: string): string[] {
  return section.attributes.filter((attribute) => attribute.key === key).map(({ value }) => value);
}

/** The media section's value, else the session's (RFC 8829 section 5.8). */
function inherited(section: Section, session: Section, key: string): string | undefined {
  return values(section, key)[0] ?? values(session, key)[0];
}

function readMedia(section: Section, session: Section, index: number): OfferedMedia {
  const [kind = '', port = '', protocol = '', ...formats] = section.line.trim().split(/\s+/);
  if (kind === '' || !/^\d{1,5}$/.test(port)) throw new SdpError(`media section ${index} is malformed`);
  const usernameFragment = inherited(section, session, 'ice-ufrag');
  const password = inherited(section, session, 'ice-pwd');
  const fingerprints = values(section, 'fingerprint');
  return {
    kind,
    port: Number(port),
    protocol,
    formats,
    mid: values(section, 'mid')[0] ?? '',
    direction: readDirection(section, session),
    rtcpMux: values(section, 'rtcp-mux').length > 0,
    ...readFormats(section),
    extensions: readExtensions(section),
    ice:
      usernameFragment !== undefined && password !== undefined ? { usernameFragment, password } : undefined,
    fingerprints: (fingerprints.length > 0 ? fingerprints : values(session, 'fingerprint')).map(
      readFingerprint,
    ),
    setup: readSetup(inherited(section, session, 'setup')),
    candidates: values(section, 'candidate'),
    sctpPort: readInteger(values(section, 'sctp-port')[0]),
    maxMessageSize: readInteger(values(section, 'max-message-size')[0]),
  };
}

const DIRECTIONS: readonly string[] = ['sendrecv', 'sendonly', 'recvonly', 'inactive'] satisfies Direction[];

function isDirection(key: string): key is Direction {
  return DIRECTIONS.includes(key);
}

function readDirection(section: Section, session: Section): Direction {
  for (const { key } of [...section.attributes, ...session.attributes]) if (isDirection(key)) return key;
  return 'sendrecv';
}

function readSetup(value: string | undefined): DtlsSetup | undefined {
  return value === 'actpass' || value === 'active' || value === 'passive' ? value : undefined;
}

function readInteger(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}

function readFingerprint(value: string): Fingerprint {
  const [algorithm = '', digest = ''] = value.trim().split(/\s+/);
  return { algorithm: algorithm.toLowerCase(), value: digest.toUpperCase() };
}

function readFormats(section: Section): Pick<OfferedMedia, 'rtpMaps' | 'formatParameters' | 'feedback'> {
  const rtpMaps = new Map<number, RtpMap>();
  const formatParameters = new Map<number, Map<string, string>>();
  const feedback = new Map<number, string[]>();
  for (const { key, value } of section.attributes) {
    const space = value.indexOf(' ');
    if (space < 0) continue;
    const head = value.slice(0, space);
    const rest = value.slice(space + 1).trim();
    const payloadType = head === '*' ? -1 : readInteger(head);
    if (payloadType === undefined || payloadType > 127) continue;
    if (key === 'rtpmap') {
      const [name = '', clockRate = '', channels = '1'] = rest.split('/');
      rtpMaps.set(payloadType, {
        name: name.toUpperCase(),
        clockRate: Number(clockRate),
        channels: Number(channels),
      });
    } else if (key === 'fmtp') {
      formatParameters.set(payloadType, readParameters(rest));
    } else if (key === 'rtcp-fb') {
      feedback.set(payloadType, [...(feedback.get(payloadType) ?? []), rest]);
    }
  }
  return { rtpMaps, formatParameters, feedback };
}

function readParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of text.split(';')) {
    const [key = '', value = ''] = part.trim().split('=');
    if (key !== '') parameters.set(key.toLowerCase(), value);
  }
  return parameters;
}

function readExtensions(section: Section): Map<string, number> {
  const extensions = new Map<string, number>();
  for (const value of values(section, 'extmap')) {
    const match = /^(\d{1,3})(?:\/\w+)? (\S+)/.exec(value);
    if (match?.[1] !== undefined && match[2] !== undefined) extensions.set(match[2], Number(match[1]));
  }
  return extensions;
}
