import { isIP } from 'node:net';
import { crc32 } from 'node:zlib';
import { canonicalAddress, type Endpoint } from './stun.ts';

export type CandidateType = 'host' | 'srflx' | 'prflx' | 'relay';

/** One ICE candidate (RFC 8445 section 5, RFC 8839 section 5.1); component 1, as everything is multiplexed. */
export interface Candidate {
  foundation: string;
  transport: 'udp' | 'tcp';
  priority: number;
  /** An IP address, or an mDNS name (`….local`). */
  address: string;
  port: number;
  type: CandidateType;
  related?: Endpoint;
  /** Names the ICE generation that a remote candidate belongs to (RFC 8838 section 10). */
  usernameFragment?: string;
}

/** RFC 8445 section 5.1.2.2. */
const TYPE_PREFERENCE: Record<CandidateType, number> = { host: 126, prflx: 110, srflx: 100, relay: 0 };
const COMPONENT = 1;
/** The longest candidates, with IPv6 addresses and extensions, stay below 300. */
const MAX_LINE_LENGTH = 1_024;

/** RFC 8445 section 5.1.2.1. @param localPreference 0 to 65535, the higher the better. */
export function candidatePriority(type: CandidateType, localPreference: number): number {
  return TYPE_PREFERENCE[type] * 2 ** 24 + localPreference * 2 ** 8 + (256 - COMPONENT);
}

/** Equal for candidates of one type, base and server (RFC 8445 section 5.1.1.3). */
export function foundation(type: CandidateType, base: string, server = ''): string {
  return String(crc32(`${type} ${base} ${server}`));
}

/** Reads `candidate:…`; undefined when it is malformed or of another component. */
export function parseCandidate(line: string): Candidate | undefined {
  if (line.length > MAX_LINE_LENGTH) return undefined;
  const match =
    /^(?:a=)?candidate:([^\s]{1,64}) (\d{1,3}) (udp|tcp|ssltcp) (\d{1,10}) ([^\s]{1,255}) (\d{1,5}) typ (host|srflx|prflx|relay)(?: |$)/i.exec(
      line.trim(),
    );
  if (!match) return undefined;
  const [, id = '', component = '', transport = '', priority = '', host = '', port = '', type = ''] = match;
  const isName = /^[\w-]{1,63}\.local$/i.test(host);
  // Addresses with a zone belong to one link, which is not ours.
  const isAddress = isIP(host) !== 0 && !host.includes('%');
  const isPort = Number(port) > 0 && Number(port) <= 65_535;
  if (Number(component) !== COMPONENT || !isPort || (!isAddress && !isName)) return undefined;
  const usernameFragment = / ufrag (\S{1,256})/.exec(line)?.[1];
  return {
    foundation: id,
    transport: transport.toLowerCase() === 'udp' ? 'udp' : 'tcp',
    priority: Number(priority) >>> 0,
    address: isName ? host.toLowerCase() : canonicalAddress(host),
    port: Number(port),
    type: toType(type.toLowerCase()),
    ...(usernameFragment === undefined ? {} : { usernameFragment }),
  };
}

function toType(type: string): CandidateType {
  return type === 'host' || type === 'srflx' || type === 'prflx' ? type : 'relay';
}

/** The `candidate:…` line; the user name fragment tells the generation (RFC 8838 section 10). */
export function formatCandidate(candidate: Candidate, usernameFragment: string): string {
  const { foundation: id, transport, priority, address, port, type, related } = candidate;
  const origin = related === undefined ? '' : ` raddr ${related.address} rport ${related.port}`;
  return `candidate:${id} ${COMPONENT} ${transport} ${priority} ${address} ${port} typ ${type}${origin} generation 0 ufrag ${usernameFragment}`;
}
