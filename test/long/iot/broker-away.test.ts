import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { directMqtt } from '../../../src/iot/direct-mqtt.ts';
import { DeviceShadow } from '../../../src/iot/device-shadow.ts';
import { MQTT_BACKOFF, MqttConnection } from '../../../src/iot/mqtt-connection.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { supervise } from '../../../src/runtime/supervise.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import {
  closeCloud,
  ConnectedDevice,
  connected,
  disconnected,
  quiet,
} from '../../integration/iot/support/device.ts';
import { Relay } from '../../integration/iot/support/relay.ts';

const AWAY_MS = 300_000;
const RECONNECTS = 300;

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

describe('a broker that is away', () => {
  let cloud: LocalCloud;
  let relay: Relay;

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
    relay = new Relay(cloud.iot.endpoint);
    await relay.start();
  });
  after(async () => {
    relay.stop();
    await closeCloud(cloud);
  });

  test('for 5 minutes: memory stays bounded, and what is reported is right within 5 s of its return', async (t) => {
    const files = await cloud.createDevice('away');
    const transport = directMqtt({ ...files, endpoint: relay.endpoint, clock: systemClock });
    const bus = new MqttConnection({ transport, clock: systemClock, random: systemRandom, log: quiet });
    const parts = {
      bus,
      thingName: 'away',
      shadowName: 'kvs-webrtc-status',
      clock: systemClock,
      random: systemRandom,
    };
    const shadow = new DeviceShadow({ ...parts, log: quiet });
    const stop = new AbortController();
    const options = { clock: systemClock, random: systemRandom, log: quiet, backoff: MQTT_BACKOFF };
    const running = [
      supervise((signal) => bus.run(signal), stop.signal, { name: 'mqtt', ...options }),
      supervise((signal) => shadow.run(signal), stop.signal, { name: 'shadow', ...options }),
    ];
    await connected(bus);
    const lost = disconnected(bus);
    relay.stop();
    await lost;
    collect();
    const residentBefore = process.memoryUsage().rss;
    let viewers = 0;
    const busy = setInterval(() => {
      viewers += 1;
      shadow.report({ viewers });
      bus.enqueue('kvs-webrtc/away/metrics', JSON.stringify({ viewers, filler: 'x'.repeat(2000) }));
    }, 10);
    await delay(AWAY_MS);
    clearInterval(busy);
    collect();
    const grown = process.memoryUsage().rss - residentBefore;
    const { dropped, queued } = bus.statistics;
    await relay.start();
    const returnedAt = performance.now();
    for (let seen = 0; ; seen += 1) {
      const match = { thingName: 'away', operation: 'UpdateThingShadow' };
      await cloud.events.waitFor('shadow', match, { nth: seen + 1 });
      const state: unknown = cloud.iot.shadows.get('away', 'kvs-webrtc-status')?.['state'];
      if (JSON.stringify(state).includes(`"viewers":${viewers}`)) break;
    }
    const tookMs = performance.now() - returnedAt;
    t.diagnostic(
      `reported after ${Math.round(tookMs)} ms; grown by ${Math.round(grown / 1e6)} MB; dropped ${dropped}`,
    );
    assert.ok(tookMs < 5000, `reported after ${tookMs} ms`);
    assert.ok(grown < 40e6, `grown by ${grown} bytes`);
    assert.ok(dropped > 0 && queued <= 256);
    stop.abort();
    await Promise.all(running);
  });

  test('300 times: every reconnect is complete, and no memory is lost', async (t) => {
    const device = new ConnectedDevice(cloud, await cloud.createDevice('often'), {
      endpoint: relay.endpoint,
    });
    await device.bus.subscribe('to/often', () => undefined);
    device.start();
    const resident: number[] = [];
    for (let count = 0; count < RECONNECTS; count += 1) {
      await connected(device.bus);
      const lost = disconnected(device.bus);
      relay.stop();
      await lost;
      await relay.start();
      collect();
      resident.push(process.memoryUsage().rss);
    }
    await connected(device.bus);
    const [early = 0, late = 0] = [resident[RECONNECTS / 3], resident.at(-1)];
    t.diagnostic(`${Math.round(early / 1e6)} MB after 100, ${Math.round(late / 1e6)} MB after 300`);
    assert.ok(late - early < 20e6);
    await device.close();
  });

  test('a server with a certificate of another CA is not trusted', async () => {
    const files = await cloud.createDevice('wary');
    const { certificatePath: rootCaPath } = await cloud.createForeignDevice('foreign');
    const transport = directMqtt({ ...files, rootCaPath, endpoint: cloud.iot.endpoint, clock: systemClock });
    const bus = new MqttConnection({ transport, clock: systemClock, random: systemRandom, log: quiet });
    // The library waits up to 30 s before it admits that TLS failed, so as not to tell how.
    await assert.rejects(bus.run(new AbortController().signal), /no MQTT connection/);
    assert.equal(bus.statistics.connections, 0);
  });
});
