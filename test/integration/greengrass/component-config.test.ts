import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildConfig } from '../../../src/config/build.ts';
import type { JsonObject } from '../../../src/config/layers.ts';
import {
  ComponentConfiguration,
  readComponentConfiguration,
} from '../../../src/greengrass/component-config.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { scalarsAsText } from '../../cloud/nucleus/config-store.ts';
import { COMPONENT, Heard, KeptLog, PERSONALITIES, startIpc, startNucleus } from './support/bench.ts';

const forever = new AbortController().signal;
const CAMERAS = { front: { source: { type: 'test' }, viewers: { max: 3 }, twcc: { enabled: false } } };

for (const personality of PERSONALITIES) {
  test(`${personality}: the configuration of a deployment makes a valid agent, whatever its scalars became`, async (context) => {
    const configuration = { cameras: CAMERAS, metrics: { intervalSeconds: 30 }, installPackages: true };
    const given = personality === 'lite' ? scalarsAsText(configuration) : configuration;
    assert.ok(typeof given === 'object');
    const { env } = await startNucleus(context, personality, { ...given });
    const { ipc } = startIpc(context, env);
    const values = await readComponentConfiguration(await ipc.connected(forever));
    assert.deepEqual(Object.keys(values).toSorted(), ['cameras', 'metrics']);
    const local = { aws: { region: 'eu-west-1' }, device: { thingName: 'porch' } };
    const config = buildConfig([
      { name: 'greengrass', values: local },
      { name: 'component configuration', values },
    ]);
    assert.equal(config.metrics.intervalSeconds, 30);
    assert.equal(config.cameras.front?.viewers.max, 3);
    assert.equal(config.cameras.front?.twcc.enabled, false);
    assert.equal(config.cameras.front?.channelName, 'porch-front');
  });

  test(`${personality}: a change is told once, whole, and again after a reconnection what was missed`, async (context) => {
    const { nucleus, env } = await startNucleus(context, personality, { cameras: CAMERAS });
    const { ipc } = startIpc(context, env);
    const heard = new Heard<JsonObject>();
    const { log } = startIpc(context, env);
    new ComponentConfiguration({ ipc, clock: systemClock, log, onChange: heard.hear }).start();
    assert.deepEqual((await heard.until()).cameras, CAMERAS);

    // Three leaves, three events, one change.
    const merge = { cameras: { back: { source: { type: 'test' }, viewers: { max: 1 }, prewarm: true } } };
    await nucleus.deploy({ component: COMPONENT, merge });
    const { cameras } = await heard.until((values) => JSON.stringify(values).includes('back'));
    assert.deepEqual(cameras, { ...CAMERAS, ...merge.cameras });
    assert.equal(heard.all.length, 2);

    await nucleus.deploy({ component: COMPONENT, reset: ['/cameras/front'] });
    await heard.until((values) => JSON.stringify(values.cameras) === JSON.stringify(merge.cameras));

    // While the agent is away, the nucleus is not.
    const lost = ipc.connection?.lost;
    await nucleus.ipc.stop();
    await lost;
    nucleus.configs.merge(COMPONENT, { log: { level: 'debug' } });
    await nucleus.ipc.start();
    await heard.until((values) => JSON.stringify(values.log) === '{"level":"debug"}');
    assert.equal(heard.all.length, 4);
  });

  test(`${personality}: a component without configuration has an empty one`, async (context) => {
    const { nucleus, env } = await startNucleus(context, personality);
    nucleus.configs.set(COMPONENT, {});
    const { ipc } = startIpc(context, env);
    assert.deepEqual(await readComponentConfiguration(await ipc.connected(forever)), {});
  });
}

test('lite: a configuration larger than a frame is a clear fault, and the connection stays', async (context) => {
  const cameras = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [`camera${index}`, { note: 'x'.repeat(300) }]),
  );
  const { env } = await startNucleus(context, 'lite', { cameras });
  const { ipc, log: agentLog } = startIpc(context, env);
  const log = new KeptLog();
  const heard = new Heard<JsonObject>();
  new ComponentConfiguration({ ipc, clock: systemClock, log, onChange: heard.hear }).start();
  const connection = await ipc.connected(forever);
  await assert.rejects(readComponentConfiguration(connection), /too large for the lite nucleus/);
  await agentLog.until('refused by the nucleus');
  assert.equal(ipc.connection, connection);
  assert.deepEqual(heard.all, []);
});
