import { errorText } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { orAborted, pause, type Clock } from '../../runtime/clock.ts';
import type { HostNames } from '../../runtime/host-names.ts';
import type { IceServer } from '../secure-transport.ts';
import { parseServerUri, type ServerAddress } from './server-uri.ts';
import { TurnAllocation } from './turn-allocation.ts';
import { openStreamLink, openUdpLink, type TurnLink } from './turn-link.ts';
import type { TurnCredentials } from './turn-requests.ts';

/** RFC 8305 section 5: the next way is tried when the one before has not worked for so long. */
const STAGGER_MS = 250;
/** A way that takes longer is no way. */
const ATTEMPT_TIMEOUT_MS = 8_000;

export interface RelayOptions {
  /** URL of the HTTP proxy for connections to a host; undefined: direct. */
  proxyFor: (host: string) => string | undefined;
  names: HostNames;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  onRelay: (allocation: TurnAllocation) => void;
}

interface Attempt extends ServerAddress, TurnCredentials {}

/**
 * Finds a relay: every server and URI, UDP before TCP and TLS of the same server, each started a quarter of a second after the one
 * before it, or at once when that failed. The first to answer ends the search; UDP that answers soon after TCP is taken too. Resolves
 * when the search is over; never rejects.
 * `turns:` over UDP (DTLS) is left out: each KVS server offers TLS over TCP beside it.
 */
export async function gatherRelays(servers: readonly IceServer[], options: RelayOptions): Promise<void> {
  const found = new AbortController();
  const signal = AbortSignal.any([options.signal, found.signal]);
  const running: Promise<void>[] = [];
  for (const attempt of inOrder(servers)) {
    if (signal.aborted) break;
    const ended = new AbortController();
    const work = tryServer(attempt, options, found).finally(() => ended.abort());
    running.push(work);
    await pause(options.clock, STAGGER_MS, AbortSignal.any([signal, ended.signal]));
  }
  await Promise.all(running);
}

/** Server by server, as the service lists them; of each UDP first. */
export function inOrder(servers: readonly IceServer[]): Attempt[] {
  return servers.flatMap(({ urls, username = '', credential = '' }) =>
    urls
      .flatMap((url) => parseServerUri(url) ?? [])
      .filter(({ scheme, transport }) => scheme === 'turn' || (scheme === 'turns' && transport === 'tcp'))
      .toSorted((a, b) => rank(a) - rank(b))
      .map((address) => ({ ...address, username, password: credential })),
  );
}

/** UDP adds no head-of-line blocking. */
function rank({ transport }: ServerAddress): number {
  return transport === 'udp' ? 0 : 1;
}

async function tryServer(attempt: Attempt, options: RelayOptions, found: AbortController): Promise<void> {
  const { clock, log, signal, onRelay } = options;
  const givenUp = new AbortController();
  const timeout = clock.after(ATTEMPT_TIMEOUT_MS, () => givenUp.abort());
  // A stream gives way to whatever worked; UDP under way is still welcome beside a stream.
  const abandon = attempt.transport === 'udp' ? [signal] : [signal, found.signal];
  const stop = AbortSignal.any([givenUp.signal, ...abandon]);
  try {
    const link = await openLink(attempt, options, stop);
    const allocation = await TurnAllocation.create(link, attempt, clock, stop);
    if (stop.aborted || (found.signal.aborted && found.signal.reason === 'udp')) return allocation.close();
    found.abort(attempt.transport);
    onRelay(allocation);
  } catch (error) {
    const { scheme, host, port, transport } = attempt;
    if (!stop.aborted)
      log.debug({ server: `${scheme}:${host}:${port}`, transport, error: errorText(error) }, 'no relay');
  } finally {
    timeout.cancel();
  }
}

/** By UDP, every address of the server is tried: one of the families may have no route. */
async function openLink(
  { scheme, host, port, transport }: Attempt,
  { proxyFor, names, clock }: RelayOptions,
  signal: AbortSignal,
): Promise<TurnLink> {
  if (transport === 'tcp')
    return openStreamLink(
      { host, port, tls: scheme === 'turns', proxy: proxyFor(host), lookup: names.lookup },
      signal,
      clock,
    );
  let failure: unknown;
  for (const { address } of (await orAborted(signal, names.addresses(host))) ?? []) {
    try {
      return await openUdpLink({ address, port }, signal);
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`no way to ${host} over UDP`, { cause: failure });
}
