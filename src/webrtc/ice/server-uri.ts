export interface ServerAddress {
  scheme: 'stun' | 'stuns' | 'turn' | 'turns';
  /** Name or address. */
  host: string;
  port: number;
  transport: 'udp' | 'tcp';
}

/** Reads a STUN or TURN URI (RFC 7064, RFC 7065); undefined when it is none. */
export function parseServerUri(uri: string): ServerAddress | undefined {
  const match =
    /^(stuns?|turns?):(\[[0-9a-fA-F:]+\]|[^\s:?[\]]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/.exec(uri);
  if (!match?.[1] || !match[2]) return undefined;
  const scheme = match[1];
  if (scheme !== 'stun' && scheme !== 'stuns' && scheme !== 'turn' && scheme !== 'turns') return undefined;
  const port = match[3] === undefined ? (scheme.endsWith('s') ? 5349 : 3478) : Number(match[3]);
  if (port < 1 || port > 65_535) return undefined;
  const transport = match[4] === 'tcp' || (match[4] === undefined && scheme.endsWith('s')) ? 'tcp' : 'udp';
  return { scheme, host: match[2].replace(/^\[|\]$/g, ''), port, transport };
}
