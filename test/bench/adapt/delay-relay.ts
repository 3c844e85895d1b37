/**
 * A way with delay and jitter, for one pair of UDP sockets: netem is not everywhere. Prints its port.
 *   node delay-relay.ts ADDRESS PORT DELAY_MS JITTER_MS     of the device's socket; DELAY_MS each way
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const [address = '', port = '', delay = '0', jitter = '0'] = process.argv.slice(2);
const delayMs = Number(delay);
const jitterMs = Number(jitter);
const front = createSocket('udp4');
const back = createSocket('udp4');
let viewer: { address: string; port: number } | undefined;
/** Packets do not overtake each other: a queue that moves in fits and starts, as radio does. */
const lastAtMs = new Map<Socket, number>();

function later(socket: Socket, send: () => void): void {
  const dueMs = performance.now() + delayMs + (Math.random() - 0.5) * jitterMs;
  const atMs = Math.max(dueMs, lastAtMs.get(socket) ?? 0);
  lastAtMs.set(socket, atMs);
  setTimeout(send, atMs - performance.now());
}

front.on('message', (packet, from) => {
  viewer = from;
  later(back, () => back.send(packet, Number(port), address));
});
back.on('message', (packet) => {
  later(front, () => viewer && front.send(packet, viewer.port, viewer.address));
});
for (const socket of [front, back]) {
  socket.bind({ port: 0, address: '0.0.0.0' });
  await once(socket, 'listening');
  socket.setRecvBufferSize(4 * 1024 * 1024);
}
process.stdout.write(`${front.address().port}\n`);
process.once('disconnect', () => process.exit());
