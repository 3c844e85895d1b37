import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { extname, join } from 'node:path';
import { ConsoleApi } from './api.ts';
import type { ConsoleBackend } from './backend.ts';
import { EventStream } from './event-stream.ts';
import { send } from './respond.ts';

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
/** The page's libraries, from their packages: nothing comes from the network. */
const LIBRARIES: Record<string, string> = {
  '/kvs-webrtc.min.js': 'amazon-kinesis-video-streams-webrtc/dist/kvs-webrtc.min.js',
  '/uplot.js': 'uplot/dist/uPlot.esm.js',
  '/uplot.css': 'uplot/dist/uPlot.min.css',
};
const PORT_TRIES = 50;
const MAX_PORT = 65_535;

/**
 * Serves the console: the page, its libraries and its API, on loopback only.
 * @param port 0 picks any free one; another that is taken is followed by the next free one
 */
export async function startConsole(backend: ConsoleBackend, port: number): Promise<Console> {
  const files = loadFiles();
  const events = new EventStream();
  const stopListening = backend.listen((event) => events.add(event));
  const api = new ConsoleApi(backend, events);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodePath(request.url ?? '/');
    if (await api.serve(request, response, path)) return;
    const file = files.get(path === '/' ? '/index.html' : path);
    if (!file) return send(response, 404, 'text/plain', 'not found\n');
    send(response, 200, file.contentType, file.read());
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, 500, 'text/plain', `${String(error)}\n`);
    });
  });
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
      stopListening();
      const closed = server.listening ? once(server, 'close') : undefined;
      server.close();
      // Event streams, and signaling's upgraded sockets, which are no longer the HTTP server's own to close.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(server: Server, wanted: number): Promise<void> {
  const last = wanted === 0 ? 0 : Math.min(wanted + PORT_TRIES, MAX_PORT);
  for (let port = wanted; ; port++) {
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return;
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (taken && port < last) continue;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`the console cannot listen on port ${port}: ${reason}`, { cause: error });
    }
  }
}

interface StaticFile {
  contentType: string;
  read(): Buffer;
}

/** The page's files by path; read anew at each request, so that an edit needs only a reload. */
function loadFiles(): Map<string, StaticFile> {
  const own = readdirSync(PUBLIC_FOLDER, { recursive: true, encoding: 'utf8' });
  const paths = new Map(own.map((name) => [`/${name}`, join(PUBLIC_FOLDER, name)]));
  for (const [path, file] of Object.entries(LIBRARIES)) paths.set(path, packageFile(file));
  return new Map(
    [...paths].map(([path, file]) => {
      const contentType = CONTENT_TYPES[extname(path)] ?? 'application/octet-stream';
      return [path, { contentType, read: () => readFileSync(file) }];
    }),
  );
}

/** Through the package's own package.json: `exports` may name other files only. */
function packageFile(path: string): string {
  const [name = '', ...rest] = path.split('/');
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return join(manifest, '..', ...rest);
}

function decodePath(url: string): string {
  try {
    return decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return '';
  }
}
