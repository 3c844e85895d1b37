/**
 * The receiving end of a benchmark, in a process of its own: light viewers that only count, or for the floor program
 * plain UDP sockets. Driven over IPC by `Viewers`.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { learnMappings, type Mappings } from './departures.ts';
import { answerRequests } from './ipc.ts';
import { LightViewer, type LightViewerOptions } from './light-viewer.ts';
import type { SourceCounts } from './packet-counter.ts';

type ViewerRequest =
  | { type: 'offer'; id: string; options: LightViewerOptions }
  | { type: 'accept'; id: string; answer: string }
  | { type: 'listen'; id: string }
  | { type: 'counts' }
  | { type: 'mappings' }
  | { type: 'close' };

const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;

const viewers = new Map<string, LightViewer>();
const plain = new Map<string, { socket: Socket; packets: number; bytes: number }>();
const mappings: Mappings = {};

async function handle(request: ViewerRequest): Promise<unknown> {
  switch (request.type) {
    case 'offer': {
      const viewer = new LightViewer(request.options);
      viewers.set(request.id, viewer);
      learnMappings(viewer, mappings);
      return viewer.offer();
    }
    case 'accept':
      return accept(request.id, request.answer);
    case 'listen':
      return listen(request.id);
    case 'counts':
      return counts();
    case 'mappings':
      return mappings;
    default:
      return close();
  }
}

async function accept(id: string, answer: string): Promise<null> {
  await viewers.get(id)?.accept(answer);
  return null;
}

async function listen(id: string): Promise<number> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
  const entry = { socket, packets: 0, bytes: 0 };
  socket.on('message', (packet) => {
    entry.packets += 1;
    entry.bytes += packet.length;
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  plain.set(id, entry);
  return socket.address().port;
}

/** RTP datagrams of every kind, by viewer. */
function counts(): Record<string, SourceCounts[]> {
  const light = [...viewers].map(([id, viewer]) => [id, viewer.sources()] as const);
  const bare = [...plain].map(
    ([id, { packets, bytes }]) => [id, [{ ssrc: 0, payloadType: 0, packets, bytes, lost: 0 }]] as const,
  );
  return Object.fromEntries([...light, ...bare]);
}

async function close(): Promise<null> {
  await Promise.all([...viewers.values()].map((viewer) => viewer.close()));
  for (const { socket } of plain.values()) socket.close();
  viewers.clear();
  plain.clear();
  return null;
}

answerRequests((text) => {
  const request: ViewerRequest = JSON.parse(text);
  return handle(request);
});
