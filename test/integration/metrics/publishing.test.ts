import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { Events } from '../../../src/metrics/events.ts';
import { MetricsPublisher } from '../../../src/metrics/publisher.ts';
import { counter, gauge, type MetricGroup } from '../../../src/metrics/sample.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { checkedEmf, dimensionsOf, type EmfDocument } from '../../unit/metrics/support/emf-schema.ts';
import { closeCloud, ConnectedDevice, quiet } from '../iot/support/device.ts';
import { startDevice, UPLINKS, type LinkedDevice, type Uplink } from '../iot/support/uplink.ts';

for (const uplink of UPLINKS)
  describe(`metrics over ${uplink}`, { timeout: 30_000 }, () => describePublishing(uplink));

function describePublishing(uplink: Uplink): void {
  let cloud: LocalCloud;
  let connection: ConnectedDevice | undefined;
  let documents: EmfDocument[] = [];
  let heard = Promise.withResolvers<void>();

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
    await cloud.iot.mqtt.subscribe('kvs-webrtc/metrics-1/metrics', (_, payload) => {
      documents.push(checkedEmf(payload.toString()));
      heard.resolve();
    });
  });
  afterEach(async () => {
    await connection?.close();
    documents = [];
    heard = Promise.withResolvers();
  });
  after(() => closeCloud(cloud));

  async function connect(): Promise<LinkedDevice> {
    const link = await startDevice(cloud, 'metrics-1', uplink);
    connection = link.device;
    return link;
  }

  test('documents arrive at the thing’s topic every interval, with thing and camera as properties only', async () => {
    const { device } = await connect();
    const properties = { camera: 'front', channelName: 'shop-front' };
    const publisher = publisherOf(device, () => [
      { properties, samples: gauge('viewers', 2), distributions: [] },
    ]);
    device.run('metrics', (signal) => publisher.run(signal));
    await heard.promise;
    const [document] = documents;
    assert.ok(document);
    assert.deepEqual(dimensionsOf(document), [['version']]);
    const { thingName, camera, channelName, viewers } = document;
    assert.deepEqual(
      { thingName, camera, channelName, viewers },
      { thingName: 'metrics-1', ...properties, viewers: 2 },
    );
  });

  test('through an outage every count arrives once: what is counted while away comes afterwards', async () => {
    const { device, cut, restore } = await connect();
    let total = 0;
    const publisher = publisherOf(device, () => [
      { properties: {}, samples: [counter('packets', total)], distributions: [] },
    ]);
    const count = async (packets: number) => {
      total += packets;
      await publisher.publish();
    };
    await count(10);
    await cut();
    await count(100);
    await count(1000);
    await restore();
    await count(10_000);
    await count(0);

    // The broker acknowledges before it forwards: one more message behind the last one.
    const last = Promise.withResolvers<void>();
    await cloud.iot.mqtt.subscribe('kvs-webrtc/metrics-1/last', () => last.resolve());
    await device.bus.publish('kvs-webrtc/metrics-1/last', '');
    await last.promise;
    assert.deepEqual(
      documents.map(({ packets }) => packets),
      [10, 11_100],
    );
    assert.equal(publisher.lost, 0);
  });

  test('events that happen while away arrive in order when the connection is back, each with its id', async () => {
    const { device, cut, restore } = await connect();
    await cut();
    const events = new Events(device.bus, 'metrics-1', 'run-7');
    const arrived: { topic: string; payload: unknown }[] = [];
    const both = Promise.withResolvers<void>();
    await cloud.iot.mqtt.subscribe('kvs-webrtc/metrics-1/+', (topic, payload) => {
      if (!/\/(sessions|alarms)$/.test(topic)) return;
      arrived.push({ topic, payload: JSON.parse(payload.toString()) });
      if (arrived.length === 2) both.resolve();
    });
    const at = '2025-01-01T00:00:00.000Z';
    const alarm = {
      alarm: 'camera-failed',
      state: 'raised',
      camera: 'front',
      reason: 'unplugged',
      at,
    } as const;
    const joined = {
      event: 'viewer-joined',
      camera: 'front',
      channelName: 'shop-front',
      clientId: 'anna',
      joinedAt: at,
    } as const;
    events.alarm(alarm);
    events.session(joined);
    await restore();
    await both.promise;
    assert.deepEqual(arrived, [
      { topic: 'kvs-webrtc/metrics-1/alarms', payload: { eventId: 'run-7-1', ...alarm } },
      { topic: 'kvs-webrtc/metrics-1/sessions', payload: { eventId: 'run-7-2', ...joined } },
    ]);
  });
}

function publisherOf({ bus }: ConnectedDevice, collect: () => MetricGroup[]): MetricsPublisher {
  return new MetricsPublisher({
    bus,
    thingName: 'metrics-1',
    settings: () => ({ intervalSeconds: 1, dimensions: { version: '1.0.0' } }),
    collect: () => Promise.resolve(collect()),
    clock: systemClock,
    random: systemRandom,
    log: quiet,
  });
}
