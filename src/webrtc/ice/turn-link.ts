import { createSocket } from 'node:dgram';
import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { isIP } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { openTunnel } from './http-tunnel.ts';
import type { Endpoint } from './stun.ts';

/** The way to one TURN server: carries whole messages, STUN and ChannelData (RFC 8656 section 12.5). */
export interface TurnLink {
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** The address of this device that it leaves from. */
  readonly localAddress: string;
  readonly sendErrors: number;
  /** False where the message was dropped: the connection cannot take more. The message is not kept. */
  send(message: Uint8Array): boolean;
  onMessage: (message: Buffer) => void;
  /** It ended by itself; over UDP: the network says that nobody is there, which may pass. */
  onClosed: (error: Error) => void;
  close(): void;
}

/** Enough for a key frame; more would only add delay, as a bottleneck's own queue does. */
const MAX_QUEUED_BYTES = 512 * 1024;
const CLOSE_TIMEOUT_MS = 1_000;
const HEADER_BYTES = 4;
const STUN_HEADER_BYTES = 20;

type LookupCallback = (error: null, address: string, family: number) => void;

/** A connected UDP socket: a server that refuses is known at once. */
export async function openUdpLink({ address, port }: Endpoint, signal: AbortSignal): Promise<TurnLink> {
  const family = isIP(address);
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (host: string, _options: unknown, callback: LookupCallback) => callback(null, host, family),
  });
  await settled(
    signal,
    () => socket.close(),
    (resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, address, resolve);
    },
  );
  socket.removeAllListeners('error');
  let open = true;
  const onSent = (error: Error | null): void => {
    if (error) link.sendErrors += 1;
  };
  const link = {
    transport: 'udp' as const,
    localAddress: socket.address().address,
    sendErrors: 0,
    send(message: Uint8Array): boolean {
      if (open) socket.send(message, onSent);
      return open;
    },
    onMessage: (_message: Buffer): void => {},
    onClosed: (_error: Error): void => {},
    close(): void {
      if (open) socket.close();
      open = false;
    },
  };
  socket.on('message', (message) => link.onMessage(message));
  socket.on('error', (error) => {
    link.sendErrors += 1;
    link.onClosed(error);
  });
  return link;
}

export interface StreamTarget {
  host: string;
  port: number;
  tls: boolean;
  /** URL of an HTTP proxy that tunnels (CONNECT). */
  proxy: string | undefined;
  lookup: LookupFunction;
}

/** TCP or TLS, directly or through an HTTP proxy. */
export async function openStreamLink(
  { host, port, tls, proxy, lookup }: StreamTarget,
  signal: AbortSignal,
  clock: Clock,
): Promise<TurnLink> {
  const tunnel = proxy === undefined ? undefined : await openTunnel(proxy, { host, port, lookup }, signal);
  const socket = tls
    ? connectTls({
        ...(tunnel ? { socket: tunnel } : { host, port, lookup }),
        ...(isIP(host) === 0 ? { servername: host } : {}),
        host,
      })
    : (tunnel ?? connectTcp({ host, port, lookup }));
  if (tls || !tunnel)
    await settled(
      signal,
      () => socket.destroy(),
      (resolve, reject) => {
        socket.once('error', reject);
        socket.once(tls ? 'secureConnect' : 'connect', resolve);
      },
    );
  socket.removeAllListeners('error');
  return streamLink(socket, tls ? 'tls' : 'tcp', tunnel?.localAddress ?? socket.localAddress ?? '', clock);
}

function streamLink(socket: Socket, transport: 'tcp' | 'tls', localAddress: string, clock: Clock): TurnLink {
  socket.setNoDelay(true);
  const link = {
    transport,
    localAddress,
    sendErrors: 0,
    send(message: Uint8Array): boolean {
      if (socket.destroyed || socket.writableLength > MAX_QUEUED_BYTES) {
        link.sendErrors += 1;
        return false;
      }
      return socket.write(padded(message)) || true;
    },
    onMessage: (_message: Buffer): void => {},
    onClosed: (_error: Error): void => {},
    close(): void {
      link.onClosed = () => {};
      // The last message is flushed; neither a dead connection nor one that only brings may keep the socket.
      socket.end(() => socket.destroy());
      const timer = clock.after(CLOSE_TIMEOUT_MS, () => socket.destroy());
      socket.once('close', () => timer.cancel());
    },
  };
  let failure = new Error('the TURN server closed the connection');
  let rest: Buffer = Buffer.alloc(0);
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('close', () => link.onClosed(failure));
  socket.on('data', (chunk: Buffer) => {
    rest = splitMessages(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), (message) =>
      link.onMessage(message),
    );
  });
  return link;
}

/** Over a stream ChannelData is padded to four bytes (RFC 8656 section 12.5); copied, as the stream keeps it until it is sent. */
function padded(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe((message.length + 3) & ~3).fill(0, message.length);
  bytes.set(message);
  return bytes;
}

/** Hands over the whole messages of a stream and returns what is left. */
export function splitMessages(data: Buffer, onMessage: (message: Buffer) => void): Buffer {
  let at = 0;
  while (data.length - at >= HEADER_BYTES) {
    const isChannelData = (data[at]! & 0xc0) === 0x40;
    const bytes = data.readUInt16BE(at + 2) + (isChannelData ? HEADER_BYTES : STUN_HEADER_BYTES);
    const end = at + (isChannelData ? (bytes + 3) & ~3 : bytes);
    if (end > data.length) break;
    onMessage(data.subarray(at, at + bytes));
    at = end;
  }
  return data.subarray(at);
}

/** Runs `start`; on abort or failure `undo` is called and the promise rejects. */
async function settled(
  signal: AbortSignal,
  undo: () => void,
  start: (resolve: () => void, reject: (error: Error) => void) => void,
): Promise<void> {
  const ended = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(new Error('given up'));
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true, signal: ended.signal });
      start(resolve, reject);
    });
  } catch (error) {
    undo();
    throw error;
  } finally {
    ended.abort();
  }
}
