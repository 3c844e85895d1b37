import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect as connectTcp, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { directMqtt } from '../../../src/iot/direct-mqtt.ts';
import { MqttConnection, NotConnectedError } from '../../../src/iot/mqtt-connection.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { portOf, Relay } from './support/relay.ts';
import { closeCloud, ConnectedDevice, connected, disconnected, Inbox, quiet } from './support/device.ts';

interface Message {
  topic: string;
  text: string;
}

describe('MQTT directly to IoT Core', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  const cloudInbox = new Inbox<Message>();

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
    await cloud.iot.mqtt.subscribe('kvs-webrtc/#', (topic, payload) =>
      cloudInbox.add({ topic, text: payload.toString() }),
    );
  });
  after(() => closeCloud(cloud));

  async function device(name: string, options?: ConstructorParameters<typeof ConnectedDevice>[2]) {
    const made = new ConnectedDevice(cloud, await cloud.createDevice(name), options);
    made.start();
    await connected(made.bus);
    return made;
  }

  const heard = (topic: string, text?: string) =>
    cloudInbox.find((message) => message.topic === topic && (text === undefined || message.text === text));

  test('messages go both ways', async () => {
    const one = await device('both-ways');
    const inbox = new Inbox<Message>();
    await one.bus.subscribe('to/both-ways/+', (topic, payload) =>
      inbox.add({ topic, text: Buffer.from(payload).toString() }),
    );
    await cloud.iot.mqtt.publish('to/both-ways/greeting', 'grüß dich');
    assert.deepEqual(await inbox.count(1), [{ topic: 'to/both-ways/greeting', text: 'grüß dich' }]);
    await one.bus.publish('kvs-webrtc/both-ways/hello', '{"a":1}');
    await heard('kvs-webrtc/both-ways/hello', '{"a":1}');
    await one.close();
  });

  test('subscriptions are restored after the broker was away, before anyone is told', async () => {
    const one = await device('restored');
    const inbox = new Inbox<string>();
    const received = (_: string, payload: Uint8Array) => inbox.add(Buffer.from(payload).toString());
    const dropped = await one.bus.subscribe('to/restored/dropped', received);
    await one.bus.subscribe('to/restored/kept', received);
    await dropped();
    const lost = disconnected(one.bus);
    await cloud.iot.stop();
    await lost;
    await one.bus.subscribe('to/restored/meanwhile', received);
    // What is sent at once when connected comes back to us only where the subscription was there already.
    one.bus.onConnected(() => void one.bus.publish('to/restored/kept', 'own'));
    await cloud.iot.start();
    await connected(one.bus);
    await cloud.iot.mqtt.publish('to/restored/dropped', 'dropped');
    await cloud.iot.mqtt.publish('to/restored/meanwhile', 'meanwhile');
    await inbox.find((text) => text === 'meanwhile');
    await inbox.find((text) => text === 'own');
    assert.deepEqual(inbox.items.toSorted(), ['meanwhile', 'own']);
    await one.close();
  });

  test('what is queued while offline arrives in order, bounded, of one key the newest', async () => {
    const relay = new Relay(cloud.iot.endpoint);
    await relay.start();
    const queue = { maxMessages: 4, maxBytes: 10_000 };
    const one = await device('queue', { queue, endpoint: relay.endpoint });
    const lost = disconnected(one.bus);
    relay.stop();
    await lost;
    await assert.rejects(one.bus.publish('kvs-webrtc/queue/now', 'x'), NotConnectedError);
    for (const text of ['1', '2', '3']) one.bus.enqueue('kvs-webrtc/queue/metrics', text);
    for (const text of ['starting', 'failed', 'streaming'])
      one.bus.enqueue('kvs-webrtc/queue/state', text, 'state');
    for (const text of ['4', '5']) one.bus.enqueue('kvs-webrtc/queue/metrics', text);
    const { queued, dropped } = one.bus.statistics;
    assert.deepEqual({ queued, dropped }, { queued: 4, dropped: 2 });
    await relay.start();
    await heard('kvs-webrtc/queue/metrics', '5');
    const arrived = cloudInbox.items.filter(({ topic }) => /queue\/(metrics|state)/.test(topic));
    assert.deepEqual(
      arrived.map(({ text }) => text),
      ['3', 'streaming', '4', '5'],
    );
    await one.close();
    relay.stop();
    assert.equal(one.bus.statistics.queued, 0);
  });

  test('the client id is the thing name and -kvs; presence is online, then offline on a clean stop', async () => {
    const one = await device('presence');
    await heard('kvs-webrtc/presence/status', '{"state":"online","reason":"connected"}');
    const startedAt = performance.now();
    await one.close();
    assert.ok(performance.now() - startedAt < 1000, 'closes within a second');
    await heard('kvs-webrtc/presence/status', '{"state":"offline","reason":"stopped"}');
    await cloud.iot.mqtt.publish('kvs-webrtc/presence/marker', '');
    await heard('kvs-webrtc/presence/marker');
    const said = cloudInbox.items.filter(({ topic }) => topic === 'kvs-webrtc/presence/status');
    assert.equal(said.length, 2, 'no will beside the goodbye');
  });

  test('the last will tells of a device that has vanished', async () => {
    const relay = new Relay(cloud.iot.endpoint);
    await relay.start();
    const files = await cloud.createDevice('vanishing');
    const transport = directMqtt({ ...files, endpoint: relay.endpoint, clock: systemClock });
    const bus = new MqttConnection({ transport, clock: systemClock, random: systemRandom, log: quiet });
    const run = assert.rejects(bus.run(new AbortController().signal), /MQTT connection lost/);
    await connected(bus);
    relay.stop();
    await heard('kvs-webrtc/vanishing/status', '{"state":"offline","reason":"connection lost"}');
    await run;
  });

  test('a second client with the same id takes over', async () => {
    const files = await cloud.createDevice('twin');
    const twin = () => {
      const transport = directMqtt({ ...files, endpoint: cloud.iot.endpoint, clock: systemClock });
      return new MqttConnection({ transport, clock: systemClock, random: systemRandom, log: quiet });
    };
    const [first, second] = [twin(), twin()];
    const stop = new AbortController();
    // mosquitto hangs up without the reason that AWS IoT gives.
    const loses = assert.rejects(first.run(stop.signal), /MQTT connection lost/);
    await connected(first);
    const wins = second.run(stop.signal);
    await loses;
    await connected(second);
    stop.abort();
    await wins;
  });

  test('connects through a proxy, unless NO_PROXY says not to', async () => {
    const proxy = await startConnectProxy();
    const proxyEnv = { HTTPS_PROXY: `http://user:secret@127.0.0.1:${proxy.port}` };
    const one = await device('proxied', { proxyEnv });
    assert.deepEqual(proxy.requests, [`CONNECT ${cloud.iot.endpoint} HTTP/1.1 Basic dXNlcjpzZWNyZXQ=`]);
    await one.close();
    const other = await device('direct', { proxyEnv: { ...proxyEnv, NO_PROXY: 'example.com, localhost' } });
    assert.equal(proxy.requests.length, 1);
    await other.close();
    proxy.close();
  });

  test('failures name what is wrong, and an abort ends a vain attempt', async () => {
    const files = await cloud.createDevice('failing');
    const { endpoint } = cloud.iot;
    const attempt = (change: object, signal = new AbortController().signal) => {
      const transport = directMqtt({ ...files, endpoint, clock: systemClock, ...change });
      return new MqttConnection({ transport, clock: systemClock, random: systemRandom, log: quiet }).run(
        signal,
      );
    };
    await assert.rejects(attempt({ certificatePath: '/nowhere.pem' }), /cannot use \/nowhere\.pem/);
    await assert.rejects(attempt({ endpoint: 'localhost:1' }), /no MQTT connection to localhost:1/);
    await assert.rejects(
      attempt({ endpoint: 'no-such-host.invalid' }),
      /no MQTT connection to no-such-host\.invalid/,
    );
    await assert.rejects(attempt(await cloud.createForeignDevice('failing')), /no MQTT connection/);

    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const accepted = new Promise<Socket>((resolve) => void silent.once('connection', resolve));
    const stop = new AbortController();
    const vain = attempt({ endpoint: `127.0.0.1:${portOf(silent)}` }, stop.signal);
    const socket = await accepted;
    const startedAt = performance.now();
    stop.abort();
    await assert.rejects(vain);
    assert.ok(performance.now() - startedAt < 1000);
    socket.destroy();
    silent.close();
  });

  test('a rotated certificate is used from the next connection on', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'iot-rotation-'));
    const [foreign, good] = [await cloud.createForeignDevice('rotated'), await cloud.createDevice('rotated')];
    const files = {
      certificatePath: join(directory, 'cert.pem'),
      privateKeyPath: join(directory, 'key.pem'),
    };
    const install = (from: typeof good) => {
      copyFileSync(from.certificatePath, files.certificatePath);
      copyFileSync(from.privateKeyPath, files.privateKeyPath);
    };
    install(foreign);
    const one = new ConnectedDevice(cloud, { ...good, ...files });
    one.start();
    install(good);
    await connected(one.bus);
    await one.close();
    rmSync(directory, { recursive: true });
  });
});

async function startConnectProxy() {
  const requests: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (head) => {
      const [request = ''] = head.toString().split('\r\n');
      requests.push(`${request} ${/authorization: (.*)\r/i.exec(head.toString())?.[1] ?? ''}`.trim());
      const port = Number(/:(\d+) /.exec(request)?.[1]);
      const upstream = connectTcp(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
      upstream.on('error', () => socket.destroy());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: portOf(server), requests, close: () => server.close() };
}
