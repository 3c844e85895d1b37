import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';

/**
 * A TCP connection through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6).
 * @param proxy `http://` or `https://` URL, user and password in it where the proxy wants them.
 * @throws Error when the proxy cannot be reached or refuses; its password is in no message.
 */
export function openTunnel(
  proxy: string,
  { host, port, lookup }: { host: string; port: number; lookup: LookupFunction },
  signal: AbortSignal,
): Promise<Socket> {
  const { protocol, hostname, port: proxyPort, username, password } = new URL(proxy);
  const secure = protocol === 'https:';
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const headers: Record<string, string> = { host: target };
  if (username !== '') {
    const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    headers['proxy-authorization'] = `Basic ${Buffer.from(login).toString('base64')}`;
  }
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(new Error(`the proxy ${hostname} does not tunnel to ${target}`, { cause }));
    const request = (secure ? httpsRequest : httpRequest)({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: proxyPort === '' ? (secure ? 443 : 80) : Number(proxyPort),
      method: 'CONNECT',
      path: target,
      headers,
      lookup,
      agent: false,
      signal,
    });
    request.once('connect', (response, socket, head) => {
      if (response.statusCode === 200 && head.length === 0) return resolve(socket);
      socket.destroy();
      fail(new Error(`it answered ${response.statusCode}`));
    });
    request.once('response', (response) => {
      response.resume();
      fail(new Error(`it answered ${response.statusCode}`));
    });
    request.once('error', fail);
    request.end();
  });
}
