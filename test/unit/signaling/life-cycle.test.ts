import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, afterEach, before, test } from 'node:test';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Log } from '../../../src/log.ts';
import type { Random } from '../../../src/runtime/random.ts';
import { SignalingChannel } from '../../../src/signaling/channel.ts';
import { ClockSkew } from '../../../src/signaling/clock-skew.ts';
import type { ControlPlane } from '../../../src/signaling/control-plane.ts';
import { SessionClosedError } from '../../../src/signaling/signaling-client.ts';
import { Signaling } from '../../../src/signaling/signaling.ts';
import { socketOpener } from '../../../src/signaling/web-socket.ts';
import { ManualClock } from './support/manual-clock.ts';

const MINUTE_MS = 60_000;
const silent = () => undefined;
const log: Log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
let server: WebSocketServer;
let stop = new AbortController();

before(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
});
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});
after(() => server.close());

async function accepted(): Promise<WebSocket> {
  const [socket]: WebSocket[] = await once(server, 'connection');
  assert.ok(socket);
  return socket;
}

/** A master whose hours pass at a word; the connections are real. */
function setUp(float: number) {
  const clock = new ManualClock();
  const random: Random = { float: () => float, uint32: () => 1 };
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const controlPlane: ControlPlane = {
    ready: () => Promise.resolve(),
    describeChannel: async () => 'arn:aws:kinesisvideo:us-west-2:123456789012:channel/front/1',
    createChannel: async () => 'arn',
    getEndpoints: async () => ({ wss: `ws://127.0.0.1:${address.port}`, https: 'https://unused' }),
    getIceServers: async () => ({ servers: [], ttlSeconds: 300 }),
  };
  const shared = { region: 'us-west-2', clock, random, log };
  const events = new EventEmitter();
  const signaling = new Signaling({
    ...shared,
    channel: new SignalingChannel({ ...shared, channelName: 'front', controlPlane }),
    credentials: { get: async () => ({ accessKeyId: 'AKID', secretAccessKey: 'secret' }) },
    skew: new ClockSkew(clock),
    openSocket: socketOpener(),
    // The pings' turn comes in other tests: here no answer can arrive while hours pass.
    pingIntervalMs: 100 * 60 * MINUTE_MS,
    handler: { onOffer: silent, onCandidate: silent, onStatus: () => events.emit('status') },
  });
  return { clock, signaling, events };
}

for (const [float, minutes] of [
  [0, 45],
  [0.999, 55],
] as const) {
  test(`the connection is renewed after ${minutes} minutes, the old one closed 5 s later`, async () => {
    const { clock, signaling } = setUp(float);
    const connecting = accepted();
    const running = signaling.run(stop.signal);
    const first = await connecting;
    while (!signaling.status.connected) await new Promise(setImmediate);
    clock.advance((minutes - 0.5) * MINUTE_MS);
    const second = accepted();
    clock.advance(MINUTE_MS);
    await second;
    while (signaling.counters.renewals === 0) await new Promise(setImmediate);
    assert.equal(first.readyState, first.OPEN);
    clock.advance(5_000);
    await once(first, 'close');
    assert.equal(signaling.status.state, 'connected');
    stop.abort();
    await running;
  });
}

test('a fight: away for longer each time, reported while connected too, over after a quiet quarter of an hour', async () => {
  const { clock, signaling, events } = setUp(0.5);
  for (let replaced = 0; replaced < 3; replaced += 1) {
    const [socket, running] = [accepted(), signaling.run(stop.signal)];
    const failed = assert.rejects(running, SessionClosedError);
    (await socket).close(1000);
    await failed;
  }
  assert.deepEqual([signaling.status.state, signaling.status.connected], ['fighting', false]);

  let connections = 0;
  const count = () => (connections += 1);
  server.on('connection', count);
  const running = signaling.run(stop.signal);
  // Half of the range of 15 to 30 s.
  clock.advance(22_400);
  await new Promise(setImmediate);
  assert.equal(connections, 0);
  const back = accepted();
  clock.advance(200);
  await back;
  await once(events, 'status');
  await new Promise(setImmediate);
  assert.deepEqual([signaling.status.state, signaling.status.connected], ['fighting', true]);
  clock.advance(14 * MINUTE_MS);
  assert.equal(signaling.status.state, 'fighting');
  clock.advance(2 * MINUTE_MS);
  assert.deepEqual([signaling.status.state, signaling.status.reason], ['connected', '']);
  server.off('connection', count);
  stop.abort();
  await running;
});
