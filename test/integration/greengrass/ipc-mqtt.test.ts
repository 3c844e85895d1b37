import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { IpcMqtt } from '../../../src/greengrass/ipc-mqtt.ts';
import { MqttConnection, RefusedError } from '../../../src/iot/mqtt-connection.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import type { Personality } from '../../cloud/nucleus/recipe.ts';
import { Heard, KeptLog, PERSONALITIES, startIpc, startNucleus, type Bench } from './support/bench.ts';

const SHADOW = '$aws/things/porch/shadow/name/kvs-webrtc';
const LITE_FRAME_BYTES = 10_000;

interface MqttBench extends Bench {
  bus: MqttConnection;
  mqtt: IpcMqtt;
  /** Ends the bus, not the connection to the nucleus. */
  stop: () => Promise<void>;
}

/** The agent's message bus on that nucleus, connected. */
async function startBus(context: TestContext, personality: Personality): Promise<MqttBench> {
  const bench = await startNucleus(context, personality);
  const { ipc } = startIpc(context, bench.env);
  const mqtt = new IpcMqtt({ ipc, refused: (message) => new RefusedError(message) });
  const bus = new MqttConnection({
    transport: mqtt,
    clock: systemClock,
    random: systemRandom,
    log: new KeptLog(),
  });
  const controller = new AbortController();
  const ended = runAgain(bus, controller.signal);
  const stop = async () => {
    controller.abort();
    await ended;
  };
  context.after(stop);
  await connected(bus);
  return { ...bench, bus, mqtt, stop };
}

async function runAgain(bus: MqttConnection, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await bus.run(signal).catch(() => {});
}

function connected(bus: MqttConnection): Promise<void> {
  if (bus.connected) return Promise.resolve();
  return new Promise((resolve) => {
    const undo = bus.onConnected(() => {
      undo();
      resolve();
    });
  });
}

for (const personality of PERSONALITIES) {
  test(`${personality}: publishes to IoT Core and hears what is subscribed to`, async (context) => {
    const { bus, broker } = await startBus(context, personality);
    const heard = new Heard<string>();
    const unsubscribe = await bus.subscribe(`${SHADOW}/update/accepted`, (topic, payload) =>
      heard.hear(`${topic} ${Buffer.from(payload).toString()}`),
    );
    broker.deliver(`${SHADOW}/update/accepted`, '{"version":7,"ü":1}');
    assert.equal(await heard.until(), `${SHADOW}/update/accepted {"version":7,"ü":1}`);
    await bus.publish(`${SHADOW}/get`, '{"a":"ü"}');
    assert.deepEqual(
      broker.published.map(({ topic, payload }) => [topic, payload.toString()]),
      [[`${SHADOW}/get`, '{"a":"ü"}']],
    );
    await unsubscribe();
    broker.deliver(`${SHADOW}/update/accepted`, 'late');
    await bus.publish(`${SHADOW}/get`, '');
    assert.equal(heard.all.length, 1);
  });

  test(`${personality}: subscriptions are restored after the nucleus cut the connection`, async (context) => {
    const { bus, broker, nucleus } = await startBus(context, personality);
    const heard = new Heard<string>();
    await bus.subscribe('kvs-webrtc/porch/+', (topic) => heard.hear(topic));
    const lost = new Promise<void>((resolve) => void bus.onDisconnected(resolve));
    nucleus.ipc.disconnect();
    await lost;
    await connected(bus);
    broker.deliver('kvs-webrtc/porch/commands', '{}');
    assert.equal(await heard.until(), 'kvs-webrtc/porch/commands');
  });

  test(`${personality}: what the recipe does not allow is refused for good, with the cure`, async (context) => {
    const { bus } = await startBus(context, personality);
    for (const attempt of [
      bus.publish('elsewhere', ''),
      bus.subscribe('$aws/things/porch/jobs/#', () => {}),
    ]) {
      await assert.rejects(attempt, (error: Error) => {
        assert.ok(error instanceof RefusedError);
        assert.match(error.message, /UnauthorizedError: the recipe's accessControl must allow it/);
        return true;
      });
    }
    await bus.publish('kvs-webrtc/porch/metrics', 'still connected');
  });
}

test('classic keeps what it cannot send while it is offline', async (context) => {
  const { bus, broker } = await startBus(context, 'classic');
  broker.disconnect();
  await bus.publish('kvs-webrtc/porch/metrics', 'kept');
  assert.equal(broker.published.length, 0);
  broker.connect();
  assert.equal(broker.published.length, 0);
  await bus.publish('kvs-webrtc/porch/metrics', 'next');
  assert.deepEqual(
    broker.published.map(({ payload }) => payload.toString()),
    ['kept', 'next'],
  );
});

test('lite refuses while it is offline, and the queue sends the newest when it is back', async (context) => {
  const { bus, broker } = await startBus(context, 'lite');
  broker.disconnect();
  for (const state of ['old', 'older', 'newest']) bus.enqueue('kvs-webrtc/porch/state', state, 'state');
  await assert.rejects(bus.publish('kvs-webrtc/porch/metrics', 'lost'), (error: Error) => {
    assert.ok(!(error instanceof RefusedError), 'it may work later');
    return true;
  });
  broker.connect();
  const arrived = new Promise<string>((resolve) => {
    void broker.subscribe('kvs-webrtc/porch/state', (_, payload) => resolve(payload.toString()));
  });
  assert.equal(await arrived, 'newest', 'nothing else has to be sent for it');
});

test('lite: after it was offline everything is fetched anew, for its session kept nothing', async (context) => {
  const { bus, broker } = await startBus(context, 'lite');
  const heard = new Heard<string>();
  await bus.subscribe('kvs-webrtc/porch/commands', (_, payload) =>
    heard.hear(Buffer.from(payload).toString()),
  );
  broker.disconnect();
  await assert.rejects(bus.publish('kvs-webrtc/porch/metrics', ''));
  broker.deliver('kvs-webrtc/porch/commands', 'lost');
  broker.connect();
  const again = new Promise<void>((resolve) => void bus.onConnected(resolve));
  await bus.publish('kvs-webrtc/porch/metrics', '');
  await again;
  broker.deliver('kvs-webrtc/porch/commands', 'heard');
  assert.equal(await heard.until(), 'heard');
});

test('a message that the nucleus never answers fails with the connection, not ten seconds later', async (context) => {
  const { bus, broker, nucleus } = await startBus(context, 'lite');
  const arrived = Promise.withResolvers<void>();
  broker.publish = () => {
    arrived.resolve();
    return new Promise(() => {});
  };
  const startedAt = performance.now();
  const published = bus.publish('kvs-webrtc/porch/metrics', '');
  await arrived.promise;
  nucleus.ipc.disconnect();
  await assert.rejects(published);
  assert.ok(performance.now() - startedAt < 2000);
});

test('a message under way rejects when the bus is ended, though the nucleus stays', async (context) => {
  const { bus, broker, nucleus, stop } = await startBus(context, 'lite');
  const arrived = Promise.withResolvers<void>();
  broker.publish = () => {
    arrived.resolve();
    return new Promise(() => {});
  };
  const published = bus.publish('kvs-webrtc/porch/metrics', '');
  await arrived.promise;
  const startedAt = performance.now();
  await stop();
  await assert.rejects(published);
  assert.ok(performance.now() - startedAt < 2000);
  assert.equal(nucleus.ipc.components.length, 1);
});

test('lite: a message that would end the connection is refused here and counted', async (context) => {
  const { bus, mqtt, broker, nucleus } = await startBus(context, 'lite');
  const topic = 'kvs-webrtc/porch/metrics';
  let lost = 0;
  bus.onDisconnected(() => (lost += 1));
  const largest = await largestAccepted(bus, topic);
  // Not much is given away: base64 makes 4 bytes of 3.
  assert.ok(largest > ((LITE_FRAME_BYTES - 400) * 3) / 4, `only ${largest} B`);
  assert.ok(mqtt.tooLarge > 0);
  assert.equal(lost, 0);
  assert.equal(broker.published.at(-1)?.topic, topic);
  assert.equal(nucleus.ipc.components.length, 1);
  bus.enqueue(topic, 'x'.repeat(largest + 1));
  await bus.publish(topic, 'after');
  assert.deepEqual([bus.statistics.queued, bus.statistics.dropped], [0, 1]);
});

/** The longest payload that is not refused. */
async function largestAccepted(bus: MqttConnection, topic: string): Promise<number> {
  let [low, high] = [0, 20_000];
  while (high - low > 1) {
    const size = (low + high) >> 1;
    const accepted = await bus.publish(topic, 'x'.repeat(size)).then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof RefusedError, String(error));
        return false;
      },
    );
    if (accepted) low = size;
    else high = size;
  }
  return low;
}

test('classic takes what IoT Core takes', async (context) => {
  const { bus, broker } = await startBus(context, 'classic');
  await bus.publish('kvs-webrtc/porch/metrics', 'x'.repeat(128 * 1024));
  assert.equal(broker.published[0]?.payload.length, 128 * 1024);
  await assert.rejects(bus.publish('kvs-webrtc/porch/metrics', 'x'.repeat(128 * 1024 + 1)), RefusedError);
});

test('a large message from the cloud arrives through classic and vanishes in lite', async (context) => {
  for (const personality of PERSONALITIES) {
    const { bus, broker } = await startBus(context, personality);
    const heard = new Heard<number>();
    await bus.subscribe('kvs-webrtc/porch/commands', (_, payload) => heard.hear(payload.byteLength));
    broker.deliver('kvs-webrtc/porch/commands', 'x'.repeat(5100));
    broker.deliver('kvs-webrtc/porch/commands', 'x');
    await heard.until((bytes) => bytes === 1);
    assert.deepEqual(heard.all, personality === 'classic' ? [5100, 1] : [1]);
  }
});
