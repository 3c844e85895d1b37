/**
 * A way with delay, jitter and a bottleneck, for one pair of UDP sockets: netem is not everywhere. Prints its port.
 *   node delay-relay.ts ADDRESS PORT DELAY_MS JITTER_MS KBPS QUEUE_MS     of the device's socket; DELAY_MS each way;
 *     KBPS of what the device sends, with a queue of QUEUE_MS, 0: no bottleneck
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const [address = '', port = '', delay = '0', jitter = '0', rate = '0', queue = '0'] = process.argv.slice(2);
const delayMs = Number(delay);
const jitterMs = Number(jitter);
const kbps = Number(rate);
const queueMs = Number(queue);
const UDP_BYTES = 28;
let freeAtMs = 0;
const front = createSocket('udp4');
const back = createSocket('udp4');
let viewer: { address: string; port: number } | undefined;
/** Packets do not overtake each other: a queue that moves in fits and starts, as radio does. */
const lastAtMs = new Map<Socket, number>();

function later(socket: Socket, send: () => void, waitedMs = 0): void {
  const dueMs = performance.now() + waitedMs + delayMs + (Math.random() - 0.5) * jitterMs;
  const atMs = Math.max(dueMs, lastAtMs.get(socket) ?? 0);
  lastAtMs.set(socket, atMs);
  setTimeout(send, Math.max(0, atMs - performance.now()));
}

front.on('message', (packet, from) => {
  viewer = from;
  later(back, () => back.send(packet, Number(port), address));
});
/** How long a packet waits at the bottleneck; undefined where it finds the queue full. */
function waitMs(bytes: number): number | undefined {
  if (kbps === 0) return 0;
  const nowMs = performance.now();
  if (freeAtMs - nowMs > queueMs) return undefined;
  freeAtMs = Math.max(freeAtMs, nowMs) + (8 * (bytes + UDP_BYTES)) / kbps;
  return freeAtMs - nowMs;
}

back.on('message', (packet) => {
  const waitedMs = waitMs(packet.length);
  if (waitedMs === undefined) return;
  later(front, () => viewer && front.send(packet, viewer.port, viewer.address), waitedMs);
});
for (const socket of [front, back]) {
  socket.bind({ port: 0, address: '0.0.0.0' });
  await once(socket, 'listening');
  socket.setRecvBufferSize(4 * 1024 * 1024);
}
process.stdout.write(`${front.address().port}\n`);
process.once('disconnect', () => process.exit());
