import {
  Candidate,
  candidateFoundation,
  candidatePriority,
  createStunOverTurnClient,
  serverReflexiveCandidate,
} from 'werift';
import type { IceServer } from '../secure-transport.ts';
import type { IceAgent } from './ice-agent.ts';

export interface ServerAddress {
  scheme: 'stun' | 'stuns' | 'turn' | 'turns';
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
  const transport = match[4] === 'tcp' || (match[4] === undefined && scheme.endsWith('s')) ? 'tcp' : 'udp';
  return { scheme, host: match[2].replace(/^\[|\]$/g, ''), port, transport };
}

/** Asks every STUN server from every socket, all at once; answers become candidates as they come. */
export async function gatherReflexive(agent: IceAgent, servers: readonly IceServer[]): Promise<void> {
  const addresses = servers
    .flatMap(({ urls }) => urls.map(parseServerUri))
    .filter((address) => address?.scheme === 'stun');
  await Promise.all(
    addresses.flatMap((address) =>
      agent.sockets().map(async (socket) => {
        if (!address) return;
        const candidate = await serverReflexiveCandidate(socket, [address.host, address.port]);
        if (candidate) agent.addReflexive(candidate);
      }),
    ),
  );
}

/**
 * Allocates one relay: the servers in the order given, UDP before TLS and TCP, until one answers.
 * `turns:` over UDP (DTLS) is left out: werift has no DTLS to the TURN server, and each KVS server offers TLS over TCP beside it.
 */
export async function gatherRelay(agent: IceAgent, servers: readonly IceServer[]): Promise<void> {
  const attempts = servers.flatMap(({ urls, username = '', credential = '' }) =>
    urls.flatMap((url) => {
      const address = parseServerUri(url);
      const usable =
        address && (address.scheme === 'turn' || (address.scheme === 'turns' && address.transport === 'tcp'));
      return usable ? [{ address, username, password: credential }] : [];
    }),
  );
  for (const attempt of attempts.toSorted((a, b) => preference(a.address) - preference(b.address))) {
    if (await allocate(agent, attempt)) return;
  }
}

/** UDP first: TCP adds head-of-line blocking. */
function preference(address: ServerAddress): number {
  return address.transport === 'udp' ? 0 : 1;
}

interface RelayAttempt {
  address: ServerAddress;
  username: string;
  password: string;
}

async function allocate(agent: IceAgent, { address, username, password }: RelayAttempt): Promise<boolean> {
  const transport = address.scheme === 'turns' ? 'tls' : address.transport;
  try {
    const protocol = await createStunOverTurnClient(
      { address: [address.host, address.port], username, password },
      { transport },
    );
    const [host, port] = protocol.turn.relayedAddress;
    const [relatedHost, relatedPort] = protocol.turn.mappedAddress;
    const { generation, localUsername } = agent.connection;
    const foundation = candidateFoundation('relay', 'udp', host);
    const priority = candidatePriority('relay');
    const candidate = new Candidate(
      foundation,
      1,
      'udp',
      priority,
      host,
      port,
      'relay',
      relatedHost,
      relatedPort,
      undefined,
      generation,
      localUsername,
    );
    agent.addProtocol(protocol, candidate);
    return true;
  } catch {
    return false;
  }
}
