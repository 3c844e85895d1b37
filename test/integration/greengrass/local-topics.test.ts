import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { isObject, type JsonObject } from '../../../src/config/layers.ts';
import { LocalTopics } from '../../../src/greengrass/local-topics.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import type { Personality } from '../../cloud/nucleus/recipe.ts';
import { PERSONALITIES, startIpc, startNucleus } from './support/bench.ts';

const TOPIC = 'kvs-webrtc/front/light';
const PUBSUB = {
  'aws.greengrass.ipc.pubsub': {
    'lamp:1': { operations: ['*'], resources: ['*'] },
  },
};

/** The agent, and beside it the component of a lamp, which answers with what `reply` makes of each message. */
async function startLamp(
  context: TestContext,
  personality: Personality,
  reply: (message: JsonObject) => object | undefined,
) {
  const bench = await startNucleus(context, personality);
  const agent = startIpc(context, bench.env);
  const lamp = startIpc(context, bench.nucleus.addComponent('lamp', { accessControl: PUBSUB }));
  const { signal } = new AbortController();
  const [connection] = await Promise.all([lamp.ipc.connected(signal), agent.ipc.connected(signal)]);
  const heard: JsonObject[] = [];
  await connection.subscribe('SubscribeToTopic', { topic: TOPIC }, ({ jsonMessage }) => {
    const message = isObject(jsonMessage) ? jsonMessage.message : undefined;
    assert.ok(isObject(message));
    heard.push(message);
    const publishMessage = reply(message);
    // Its acknowledgement may come after the test's end.
    if (publishMessage)
      connection.call('PublishToTopic', { topic: `${TOPIC}/reply`, ...publishMessage }).catch(() => {});
  });
  const topics = new LocalTopics({ ipc: agent.ipc, clock: systemClock, random: systemRandom });
  return { ...bench, agent, topics, heard };
}

const asJson = (message: object) => ({ publishMessage: { jsonMessage: { message } } });
const asBinary = (message: object) => {
  const bytes = Buffer.from(JSON.stringify(message)).toString('base64');
  return { publishMessage: { binaryMessage: { message: bytes } } };
};

for (const personality of PERSONALITIES) {
  test(`${personality}: a component is asked, and answers the one who asked`, async (context) => {
    const { topics, heard } = await startLamp(context, personality, ({ id, data }) => {
      const answer = { id, reply: { lit: data } };
      return data === 1 ? asBinary(answer) : asJson(answer);
    });
    const asked = [1, 2, 3].map((data) => topics.request(TOPIC, { camera: 'front', data }, 5_000));
    assert.deepEqual(await Promise.all(asked), [{ lit: 1 }, { lit: 2 }, { lit: 3 }]);
    assert.deepEqual(
      heard.map(({ data }) => data),
      [1, 2, 3],
    );
    assert.equal(new Set(heard.map(({ id }) => id)).size, 3);
  });

  test(`${personality}: it says what is wrong, or nothing, or is not there`, async (context) => {
    const { topics, nucleus, agent } = await startLamp(context, personality, ({ id, data }) => {
      if (data === 'silence') return undefined;
      return data === 'nonsense'
        ? asJson({ id: 'other', reply: 1 })
        : asJson({ id, error: 'the bulb is gone' });
    });
    await assert.rejects(topics.request(TOPIC, { data: 'on' }, 5_000), /^Error: the bulb is gone$/);
    for (const data of ['silence', 'nonsense'])
      await assert.rejects(
        topics.request(TOPIC, { data }, 50),
        /no reply on kvs-webrtc\/front\/light\/reply/,
      );
    const failure = agent.nextFailure();
    nucleus.ipc.disconnect();
    await failure;
    await agent.ipc.connected(new AbortController().signal);
    // Of the lamp's subscription nothing is left; ours is made anew.
    await assert.rejects(topics.request(TOPIC, { data: 'on' }, 50), /no reply/);
  });

  test(`${personality}: a topic that the recipe does not allow is refused with the cure`, async (context) => {
    const { topics, heard } = await startLamp(context, personality, () => undefined);
    await assert.rejects(topics.request('elsewhere/light', {}, 5_000), /accessControl must allow it/);
    assert.deepEqual(heard, []);
  });
}
