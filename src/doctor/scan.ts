import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { randomUUID } from 'node:crypto';
import { pause, type Clock } from '../runtime/clock.ts';
import { found, type Finding } from './finding.ts';

/** WS-Discovery (OASIS 1.1, section 2.4). */
const DISCOVERY = { address: '239.255.255.250', port: 3702 };
const LISTEN_MS = 3_000;
const REPEAT_MS = 500;
const RTSP_PORTS = [554, 8554];
const CONNECT_MS = 1_000;
/** Larger networks are not swept: that would look like an attack. */
const LARGEST_SWEEP = 256;
const AT_ONCE = 64;

export interface ScanOptions {
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>;
  clock: Clock;
  signal: AbortSignal;
}

/** Cameras on the local network: those that answer ONVIF's discovery, and whatever listens on RTSP's ports. */
export async function scan(options: ScanOptions): Promise<Finding[]> {
  const [onvif, rtsp] = await Promise.all([discover(options), sweep(options)]);
  const findings = [
    ...onvif.map((url) => found('scan', 'pass', `ONVIF camera: ${url}`)),
    ...rtsp.map((place) => found('scan', 'pass', `RTSP server: rtsp://${place}/`)),
  ];
  const cure = 'are the cameras in the same network and VLAN, and ONVIF or RTSP switched on?';
  return findings.length > 0 ? findings : [found('scan', 'warn', 'no camera answers', cure)];
}

/** Asked on each network: the one of the cameras may not be that of the internet. */
async function discover({ interfaces, clock, signal }: ScanOptions): Promise<string[]> {
  const cameras = new Map<string, string>();
  const probe = probeMessage();
  const sockets = ownAddresses(interfaces).map(({ address }) => {
    const socket = createSocket('udp4');
    // A network without multicast has nothing to discover.
    socket.on('error', () => {});
    socket.on('message', (message) => {
      const answer = message.toString();
      for (const url of discoveredUrls(answer)) cameras.set(url, discoveredName(answer));
    });
    const ask = () => socket.send(probe, DISCOVERY.port, DISCOVERY.address, () => {});
    // What comes from an address leaves where that address is, multicast too.
    socket.bind({ address }, ask);
    return { socket, ask };
  });
  // Again, since a datagram may be lost (SOAP-over-UDP section 3.2); cameras know it by its id.
  await pause(clock, REPEAT_MS, signal);
  for (const { ask } of sockets) ask();
  await pause(clock, LISTEN_MS - REPEAT_MS, signal);
  for (const { socket } of sockets) socket.close();
  return [...cameras].map(([url, name]) => (name === '' ? url : `${url} (${name})`));
}

function ownAddresses(interfaces: ScanOptions['interfaces']): NetworkInterfaceInfo[] {
  return Object.values(interfaces)
    .flatMap((infos = []) => infos)
    .filter(({ family, internal }) => family === 'IPv4' && !internal);
}

function probeMessage(): string {
  return `<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><e:Header><w:MessageID>uuid:${randomUUID()}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To><w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header><e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>`;
}

/** The service addresses of a ProbeMatch; user names and passwords in them are left out. */
export function discoveredUrls(message: string): string[] {
  const list = /<(?:\w+:)?XAddrs[^>]*>([^<]{1,2000})</.exec(message)?.[1] ?? '';
  return list
    .trim()
    .split(/\s+/)
    .filter((url) => /^https?:\/\/[^\s@]+$/.test(url));
}
/** Maker and model, from the scopes of a ProbeMatch (ONVIF Core Specification, section 7.3.2.2); empty where it gives none. */
export function discoveredName(message: string): string {
  const [, name = ''] = /onvif:\/\/www\.onvif\.org\/name\/([\w%.~+-]{1,200})/.exec(message) ?? [];
  try {
    return decodeURIComponent(name).replace(/\p{Cc}/gu, ' ');
  } catch {
    return name;
  }
}

async function sweep({ interfaces, clock, signal }: ScanOptions): Promise<string[]> {
  const places = ownAddresses(interfaces)
    .flatMap(({ address, netmask }) => neighbours(address, netmask))
    .flatMap((address) => RTSP_PORTS.map((port) => ({ address, port })));
  const open: string[] = [];
  const next = async (): Promise<void> => {
    for (let place = places.pop(); place && !signal.aborted; place = places.pop())
      if (await listens(place, clock)) open.push(`${place.address}:${place.port}`);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return open;
}

/** The other addresses of an IPv4 network; none where it is larger than a /24. */
export function neighbours(address: string, netmask: string): string[] {
  const [own, mask] = [address, netmask].map((text) =>
    text.split('.').reduce((value, part) => value * 256 + Number(part), 0),
  );
  const size = 2 ** 32 - (mask ?? 0);
  if (own === undefined || size > LARGEST_SWEEP) return [];
  const network = own - (own % size);
  return Array.from({ length: Math.max(0, size - 2) }, (_, i) => network + 1 + i)
    .filter((value) => value !== own)
    .map((value) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.'));
}

function listens({ address, port }: { address: string; port: number }, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const done = (open: boolean) => {
      timer.cancel();
      socket.destroy();
      resolve(open);
    };
    const timer = clock.after(CONNECT_MS, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
