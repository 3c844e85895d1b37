import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface TunnelProxy {
  /** With user and password. */
  readonly url: string;
  readonly port: number;
  /** Opened so far. */
  readonly tunnels: number;
  /** Ends every tunnel. */
  cut(): void;
  close(): void;
}

/** An HTTP proxy that tunnels (CONNECT) for who knows its password. */
export async function startTunnelProxy({
  user,
  password,
  address: host = '127.0.0.1',
}: {
  user: string;
  password: string;
  address?: string;
}): Promise<TunnelProxy> {
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const sockets = new Set<Socket | Duplex>();
  let tunnels = 0;
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, client) => {
    sockets.add(client);
    client.on('error', () => client.destroy());
    if (request.headers['proxy-authorization'] !== expected) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const [name = '', port = ''] = (request.url ?? '').split(':');
    const target = connect(Number(port), name, () => {
      tunnels += 1;
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      target.pipe(client);
      client.pipe(target);
    });
    sockets.add(target);
    target.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (!address || typeof address !== 'object') throw new Error('the proxy has no port');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    url: `http://${user}:${encodeURIComponent(password)}@${host}:${address.port}`,
    port: address.port,
    get tunnels() {
      return tunnels;
    },
    cut,
    close() {
      server.close();
      cut();
    },
  };
}
