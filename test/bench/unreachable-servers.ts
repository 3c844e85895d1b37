/**
 * What STUN and TURN servers that cannot be reached cost a viewer: milliseconds from its offer to its first packet, with them and without,
 * in turns.
 *   node test/bench/unreachable-servers.ts [joins]
 * Fails where the medians are further apart than the bound.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { DtlsLoader } from '../../src/webrtc/werift/dtls-loader.ts';
import { prepareCertificate } from '../../src/webrtc/werift/dtls.ts';
import { StubMaster } from '../integration/webrtc/support/stub-master.ts';
import { StubViewer } from '../integration/webrtc/support/stub-viewer.ts';
import { median } from './support/figures.ts';

const JOINS = Number(process.argv[2] ?? 30);
const BOUND_MS = 20;

const silent = createSocket('udp4').bind(0, '127.0.0.1');
await once(silent, 'listening');
const { port } = silent.address();
const unreachable = [
  { urls: [`stun:127.0.0.1:${port}`, 'stun:192.0.2.200:3478', 'stun:no-such-host.invalid:443'] },
  {
    urls: [`turn:127.0.0.1:${port}?transport=udp`, 'turns:192.0.2.200:443?transport=tcp'],
    username: 'u',
    credential: 'p',
  },
];
const dtls = new DtlsLoader();
const [own] = await Promise.all([prepareCertificate(), dtls.load()]);
const without = new StubMaster({ dtls });
const withThem = new StubMaster({ dtls, iceServers: () => [Promise.resolve(unreachable)] });
const times: { without: number[]; withThem: number[] } = { without: [], withThem: [] };
for (let i = 1; i <= JOINS; i += 1) {
  times.without.push(await joinMs(without, i));
  times.withThem.push(await joinMs(withThem, i));
}
await Promise.all([without.close(), withThem.close()]);
silent.close();

const cost = median(times.withThem) - median(times.without);
const isWithin = cost <= BOUND_MS;
process.stdout.write(
  `${isWithin ? 'within' : 'ABOVE '}  median of ${JOINS}: ${median(times.without).toFixed(1)} ms without, ` +
    `${median(times.withThem).toFixed(1)} ms with servers that cannot be reached (at most ${BOUND_MS} more)\n`,
);
process.exitCode = isWithin ? 0 : 1;

async function joinMs(master: StubMaster, visit: number): Promise<number> {
  const viewer = new StubViewer(`viewer-${visit}`, own);
  const startedAt = performance.now();
  await master.join(viewer);
  await viewer.packetsReceived(1);
  const tookMs = performance.now() - startedAt;
  viewer.close();
  await master.ended(visit);
  return tookMs;
}
