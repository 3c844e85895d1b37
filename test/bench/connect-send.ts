/**
 * The send path below SRTP: microseconds of CPU for one 1200 B datagram on the pair in use, beside Node's own ways.
 *   node test/bench/connect-send.ts [packets]
 * Fails when the agent's way costs more than 1.1 times Node's default.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { HostBase } from '../../src/webrtc/ice/host-base.ts';
import { median, table } from './support/figures.ts';

const PACKETS = Number(process.argv[2] ?? 100_000);
const ROUNDS = 7;
/** As many as a small key frame has, then the event loop turns. */
const BURST = 50;
const BOUND = 1.1;

const receiver = createSocket('udp4');
receiver.bind(0, '127.0.0.1');
await once(receiver, 'listening');
// What arrives is dropped by the kernel: only sending is measured.
receiver.setRecvBufferSize(1);
const { port } = receiver.address();
const packet = Buffer.alloc(1_200, 0x80);
const ignore = (): void => {};

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}
const plain = await bound();
const connected = await bound();
connected.connect(port, '127.0.0.1');
await once(connected, 'connect');
const base = await HostBase.open({ address: '127.0.0.1', family: 4, interfaceName: 'lo' }, 65_535);

const ways: Record<string, () => void> = {
  "Node's send, default lookup": () => plain.send(packet, port, '127.0.0.1', ignore),
  'connected socket': () => connected.send(packet, ignore),
  'the agent: lookup in place': () => base.send(packet, port, '127.0.0.1'),
};

async function cpuOf(send: () => void, count: number): Promise<number> {
  const before = process.cpuUsage();
  for (let sent = 0; sent < count; sent += BURST) {
    for (let i = 0; i < BURST; i += 1) send();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

const figures = new Map(Object.keys(ways).map((name) => [name, new Array<number>()]));
for (const send of Object.values(ways)) await cpuOf(send, PACKETS / 5);
for (let round = 0; round < ROUNDS; round += 1)
  for (const [name, send] of Object.entries(ways)) figures.get(name)?.push(await cpuOf(send, PACKETS));

const held = () => {
  base.send(packet, port, '127.0.0.1');
  return base.busy();
};
const rows = [...figures].map(([name, values]) => [name, Math.min(...values), median(values)] as const);
process.stdout.write(
  `${ROUNDS} rounds of ${PACKETS} datagrams, µs of CPU each\n${table(['', 'min', 'median'], rows)}\n`,
);
process.stdout.write(`memory is ${held() ? 'held until the next tick' : 'free when send returns'}\n`);
const passed = (rows[2]?.[2] ?? Infinity) <= BOUND * (rows[0]?.[2] ?? 0);
process.stdout.write(`${passed ? 'within' : 'ABOVE'} the bound: ${BOUND} times Node's default\n`);
process.exitCode = passed ? 0 : 1;
base.close();
for (const socket of [receiver, plain, connected]) socket.close();
