import { createLog } from '../../src/log.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { HostNames } from '../../src/runtime/host-names.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import type { IceOptions } from '../../src/webrtc/ice/ice-agent.ts';
import { LocalNetwork } from '../../src/webrtc/ice/local-network.ts';
import { MdnsResolver } from '../../src/webrtc/ice/mdns.ts';
import type { Fingerprint, IceParameters } from '../../src/webrtc/sdp.ts';

/** ICE over every address of this machine; to be shared by its peers. */
export function localIce({
  clock = systemClock,
  log = createLog('error'),
  ...others
}: Partial<IceOptions> = {}): IceOptions {
  return {
    transportPolicy: 'all',
    network: new LocalNetwork({ interfaces: [], addressFamily: 'any' }, clock),
    mdns: new MdnsResolver(clock),
    proxyFor: () => undefined,
    names: new HostNames(clock),
    clock,
    random: systemRandom,
    log,
    ...others,
  };
}

/** How the peer that wrote this answer is to be connected to. */
export function transportOf(answer: string): {
  ice: IceParameters;
  fingerprint: Fingerprint;
  /** `candidate:…` */
  candidates: string[];
} {
  const value = (key: string) => new RegExp(`^a=${key}:(.*)$`, 'm').exec(answer)?.[1]?.trim() ?? '';
  const [algorithm = '', digest = ''] = value('fingerprint').split(' ');
  return {
    ice: { usernameFragment: value('ice-ufrag'), password: value('ice-pwd') },
    fingerprint: { algorithm, value: digest.toUpperCase() },
    candidates: [...answer.matchAll(/^a=(candidate:.*)$/gm)].map((match) => match[1]?.trim() ?? ''),
  };
}
