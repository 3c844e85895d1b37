import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { extname, join } from 'node:path';

/** One camera as the page lists it. */
export interface CameraSummary {
  name: string;
  channelName: string;
  /** A master is connected to the camera's channel. */
  online: boolean;
  /** Viewers connected to the channel's signaling. */
  viewers: number;
}

/** What a viewer needs to reach a camera; the server adds the endpoint and the client id. */
export interface ViewerAccess {
  channelARN: string;
  region: string;
  iceServers: { urls: string[]; username?: string; credential?: string }[];
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
}

/** The cloud as the page's server sees it. */
export interface ConsoleBackend {
  cameras(): CameraSummary[];
  /** Undefined: no such camera. */
  viewerAccess(camera: string): ViewerAccess | undefined;
  /** Lets the viewers' signaling be reached on this server too (its `upgrade` event). */
  attachViewers(server: Server): void;
}

export interface Console {
  /** `http://localhost:PORT/` */
  url: string;
  port: number;
  /** Ends every connection. */
  close(): Promise<void>;
}

const PUBLIC_FOLDER = join(import.meta.dirname, 'public');
const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const PORT_TRIES = 50;

/**
 * Serves the viewer page, AWS's viewer SDK and a small API, on loopback only.
 * @param port 0 picks any free one; another that is taken is followed by the next free one
 */
export async function startConsole(backend: ConsoleBackend, port: number): Promise<Console> {
  const files = loadFiles();
  let viewerCount = 0;
  const server = createServer((request, response) => {
    const path = decodePath(request.url ?? '/');
    const camera = /^\/api\/viewer\/(.+)$/.exec(path)?.[1];
    if (path === '/api/cameras') return sendJson(response, backend.cameras());
    if (camera !== undefined) return sendViewer(request, response, camera);
    const file = files.get(path === '/' ? '/index.html' : path);
    if (!file) return send(response, 404, 'text/plain', 'not found\n');
    send(response, 200, file.contentType, file.read());
  });

  function sendViewer(request: IncomingMessage, response: ServerResponse, camera: string): void {
    if (request.method !== 'POST') return send(response, 405, 'text/plain', 'use POST\n');
    const access = backend.viewerAccess(camera);
    if (!access) return send(response, 404, 'text/plain', `there is no camera "${camera}"\n`);
    viewerCount += 1;
    const clientId = `page-${process.pid}-${viewerCount}`;
    // The signature covers the host: the one by which the page reached this server.
    sendJson(response, { ...access, endpoint: `wss://${request.headers.host}`, clientId });
  }

  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  backend.attachViewers(server);
  await listen(server, port);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the page has no TCP address');
  return {
    url: `http://localhost:${address.port}/`,
    port: address.port,
    async close() {
      const closed = server.listening ? once(server, 'close') : undefined;
      server.close();
      // Signaling's upgraded sockets are no longer the HTTP server's own to close.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(server: Server, wanted: number): Promise<void> {
  const last = wanted === 0 ? 0 : wanted + PORT_TRIES;
  for (let port = wanted; ; port++) {
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return;
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (!taken || port >= last) throw error;
    }
  }
}

interface StaticFile {
  contentType: string;
  read(): Buffer;
}

/** The page's files by path; read anew at each request, so that an edit needs only a reload. */
function loadFiles(): Map<string, StaticFile> {
  const sdk = createRequire(import.meta.url).resolve('amazon-kinesis-video-streams-webrtc/package.json');
  const paths = new Map(readdirSync(PUBLIC_FOLDER).map((name) => [`/${name}`, join(PUBLIC_FOLDER, name)]));
  paths.set('/kvs-webrtc.min.js', join(sdk, '../dist/kvs-webrtc.min.js'));
  return new Map(
    [...paths].map(([path, file]) => {
      const contentType = CONTENT_TYPES[extname(file)] ?? 'application/octet-stream';
      return [path, { contentType, read: () => readFileSync(file) }];
    }),
  );
}

function decodePath(url: string): string {
  try {
    return decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return '';
  }
}

function sendJson(response: ServerResponse, body: unknown): void {
  send(response, 200, 'application/json', JSON.stringify(body));
}

function send(response: ServerResponse, status: number, contentType: string, body: string | Buffer): void {
  response.writeHead(status, {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'self'; connect-src *; object-src 'none'; base-uri 'none'",
  });
  response.end(body);
}
