import type { CameraConfig } from './config/config.ts';
import { found, type Finding } from './doctor/finding.ts';
import type { Log } from './log.ts';
import type { Clock } from './runtime/clock.ts';
import { HostNames } from './runtime/host-names.ts';
import type { IceServer } from './signaling/control-plane.ts';
import { Gathering } from './webrtc/ice/gathering.ts';
import { LocalNetwork } from './webrtc/ice/local-network.ts';

export interface RelayCheckOptions {
  ice: CameraConfig['ice'];
  proxyFor: (host: string) => string | undefined;
  clock: Clock;
  log: Log;
}

/** Whether viewers anywhere can be reached: an address at a TURN server, over UDP, and over TLS where UDP is blocked. */
export async function relayCheck(
  check: string,
  servers: readonly IceServer[],
  options: RelayCheckOptions,
): Promise<Finding[]> {
  const [udp, tls] = await Promise.all([
    finds(only(servers, /^turn:.*transport=udp/), options),
    finds(only(servers, /^turns:.*transport=tcp/), options),
  ]);
  if (udp && tls) return [found(check, 'pass', 'TURN works over UDP, and over TLS')];
  if (udp) {
    const cure = 'let TCP port 443 to the TURN servers pass, for networks of viewers without UDP';
    return [found(check, 'warn', 'TURN works over UDP, not over TLS', cure)];
  }
  if (tls) {
    const cure =
      'let UDP port 443 out to any address: through TCP pictures come late, and direct ways are closed';
    return [found(check, 'warn', 'UDP is blocked: TURN works over TLS only', cure)];
  }
  const text = servers.length === 0 ? 'the service names no TURN server' : 'no TURN server answers';
  const cure = 'let UDP and TCP port 443 out: else only viewers in the same network are reached';
  return [found(check, 'fail', text, cure)];
}

function only(servers: readonly IceServer[], pattern: RegExp): IceServer[] {
  return servers.flatMap((server) => {
    const urls = server.urls.filter((url) => pattern.test(url));
    return urls.length > 0 ? [{ ...server, urls }] : [];
  });
}

async function finds(
  servers: readonly IceServer[],
  { ice, proxyFor, clock, log }: RelayCheckOptions,
): Promise<boolean> {
  let relayed = false;
  const names = new HostNames(clock);
  const network = new LocalNetwork(ice, clock);
  const gathering = new Gathering(
    { transportPolicy: 'relay', network, proxyFor, names, clock, log },
    {
      onBase: () => {},
      onBaseLost: () => {},
      onCandidate: ({ type }) => {
        relayed ||= type === 'relay';
      },
      onDatagram: () => {},
      onNetworkChange: () => {},
    },
  );
  try {
    await gathering.gatherServers(servers);
    return relayed;
  } finally {
    gathering.close();
  }
}
