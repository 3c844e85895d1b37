import type { ServerResponse } from 'node:http';

const POLICY =
  // uPlot sizes its canvases with inline styles.
  "default-src 'self'; style-src 'self' 'unsafe-inline'; connect-src *; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'";

export function send(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string | Buffer,
): void {
  response.writeHead(status, headers(contentType));
  response.end(body);
}

export function sendJson(response: ServerResponse, body: unknown): void {
  send(response, 200, 'application/json', JSON.stringify(body));
}

export function headers(contentType: string): Record<string, string> {
  return {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': POLICY,
  };
}
