import { lookup } from 'node:dns/promises';
import { request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errorText } from '../errors.ts';
import { within, type Clock } from '../runtime/clock.ts';
import { found, type Finding } from './finding.ts';

export interface Place {
  /** e.g. `credentials endpoint`. */
  name: string;
  host: string;
  port: number;
  /** PEM of the CAs to trust; absent: Node's own list. */
  ca?: Buffer | undefined;
  /** The setting that names it. */
  setting: string;
}

const TIMEOUT_MS = 8_000;
/** As far as AWS takes signatures. */
const MAX_CLOCK_OFFSET_MS = 300_000;
const WARN_CLOCK_OFFSET_MS = 20_000;

/** DNS, TCP and TLS to a place, one after the other; the first that fails is the finding. */
export async function reach({ name, host, port, ca, setting }: Place, clock: Clock): Promise<Finding[]> {
  const at = `${host}:${port}`;
  let address: string;
  try {
    ({ address } = await within(clock, TIMEOUT_MS, `DNS did not answer`, lookup(host)));
  } catch (error) {
    const cure = `check the network's DNS server (/etc/resolv.conf) and ${setting}`;
    return [found(name, 'fail', `${host} cannot be resolved: ${errorText(error)}`, cure)];
  }
  try {
    const socket = await opened(() => connectTcp({ host: address, port }), 'connect', clock);
    socket.destroy();
  } catch (error) {
    const cure = `let the firewall pass TCP to ${at}, or check ${setting}`;
    return [found(name, 'fail', `no TCP connection to ${at} (${address}): ${errorText(error)}`, cure)];
  }
  try {
    const startedAtMs = clock.monotonic();
    const tls = () => connectTls({ host: address, port, servername: host, ...(ca && { ca }) });
    const socket = await opened(tls, 'secureConnect', clock);
    socket.destroy();
    return [
      found(name, 'pass', `${at} answers with TLS in ${Math.round(clock.monotonic() - startedAtMs)} ms`),
    ];
  } catch (error) {
    return [found(name, 'fail', `no TLS connection to ${at}: ${errorText(error)}`, tlsCure(error, setting))];
  }
}

/** Where a proxy is set, it has to be there; what goes through it is seen by the other checks. */
export async function reachProxy(proxyUrl: string, clock: Clock): Promise<Finding[]> {
  const { hostname, port, protocol } = new URL(proxyUrl);
  const at = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
  try {
    const open = () => connectTcp({ host: hostname, port: Number(at.split(':').at(-1)) });
    (await opened(open, 'connect', clock)).destroy();
    return [found('proxy', 'pass', `${at} answers`)];
  } catch (error) {
    const cure = 'check HTTPS_PROXY and NO_PROXY in the environment of the agent';
    return [found('proxy', 'fail', `the proxy ${at} does not answer: ${errorText(error)}`, cure)];
  }
}

/** The device's clock against that of a server. */
export async function compareClock(url: URL, clock: Clock): Promise<Finding[]> {
  const serverMs = await serverTime(url, clock);
  if (serverMs === undefined) return [found('clock', 'skip', `${url.host} tells no time to compare with`)];
  const offsetMs = clock.now() - serverMs;
  const size = Math.abs(offsetMs);
  const device = new Date(clock.now()).toISOString();
  if (size < WARN_CLOCK_OFFSET_MS) return [found('clock', 'pass', device)];
  const text = `${device}, ${Math.round(size / 1000)} s ${offsetMs > 0 ? 'ahead of' : 'behind'} ${url.host}`;
  const cure = 'set the clock and keep it right: timedatectl set-ntp true';
  return [found('clock', size < MAX_CLOCK_OFFSET_MS ? 'warn' : 'fail', text, cure)];
}

/** From the Date header of whatever it answers, epoch milliseconds. */
function serverTime(url: URL, clock: Clock): Promise<number | undefined> {
  // Not authenticated: with a wrong clock no certificate is valid, and nothing is sent or believed but the time.
  const asked = request(url, { method: 'HEAD', rejectUnauthorized: false, agent: false });
  const answer = new Promise<number | undefined>((resolve) => {
    asked.on('response', ({ headers }) => {
      const ms = Date.parse(headers.date ?? '');
      resolve(Number.isNaN(ms) ? undefined : ms);
    });
    asked.on('error', () => resolve(undefined));
  });
  asked.end();
  return within(clock, TIMEOUT_MS, 'no answer', answer)
    .catch(() => undefined)
    .finally(() => asked.destroy());
}

async function opened<T extends Socket>(open: () => T, event: string, clock: Clock): Promise<T> {
  const socket = open();
  try {
    const done = new Promise<void>((resolve, reject) => {
      socket.once(event, () => resolve());
      socket.on('error', reject);
    });
    await within(clock, TIMEOUT_MS, 'no answer', done);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function tlsCure(error: unknown, setting: string): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/CERT_(NOT_YET_VALID|HAS_EXPIRED)/.test(code))
    return "set the device's clock: timedatectl set-ntp true";
  if (/SELF_SIGNED|ISSUER|VERIFY/.test(code))
    return 'its CA is not trusted: set device.rootCaPath to the CA that signed it (AmazonRootCA1.pem); or something on the way reads along';
  if (/NO_START_LINE/.test(code)) return 'device.rootCaPath must name a PEM file with certificates';
  if (/ALTNAME/.test(code)) return `${setting} names another host than its certificate`;
  return `something on the way does not let TLS pass, or ${setting} is not the right one`;
}
