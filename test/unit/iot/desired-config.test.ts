import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { AgentConfig } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/faults.ts';
import { isObject, type JsonObject, type Layer } from '../../../src/config/layers.ts';
import { DesiredConfig } from '../../../src/iot/desired-config.ts';
import { createLog, type Log } from '../../../src/log.ts';

const log: Log = Object.assign(createLog('error'), { level: 'silent' });
const LOCAL: Layer[] = [
  {
    name: 'file',
    values: {
      aws: { region: 'us-west-2' },
      device: { thingName: 'thing' },
      sources: { door: { type: 'test' } },
      cameras: { front: { source: { type: 'test' }, viewers: { max: 3 } } },
    },
  },
];

const viewers = (max: number): JsonObject => ({ cameras: { front: { viewers: { max } } } });
const local = (max: number): Layer[] => [...LOCAL, { name: 'reloaded', values: viewers(max) }];
const maxOf = ({ cameras }: AgentConfig) => cameras['front']?.viewers.max;

describe('desired configuration', () => {
  let reported: JsonObject;
  let calls: { max: number | undefined; signal: AbortSignal; finish: (error?: Error) => void }[];
  let waitForCall: (count: number) => Promise<void>;
  let manual: boolean;
  let config: DesiredConfig;

  beforeEach(async () => {
    calls = [];
    reported = {};
    manual = false;
    let called = Promise.withResolvers<void>();
    waitForCall = async (count) => {
      while (calls.length < count) await called.promise;
    };
    config = new DesiredConfig({
      local: LOCAL,
      log,
      report: (document) => (reported = document),
      apply: (applied, signal) => {
        const done = Promise.withResolvers<void>();
        const finish = (error?: Error) => (error ? done.reject(error) : done.resolve());
        calls.push({ max: maxOf(applied), signal, finish });
        called.resolve();
        called = Promise.withResolvers<void>();
        if (!manual) finish();
        return done.promise;
      },
    });
    assert.equal(maxOf(await config.start()), 3);
  });

  const applied = () => calls.map(({ max }) => max);
  const agent = (): JsonObject => (isObject(reported.agent) ? reported.agent : {});

  test('applied, and reported verbatim with its version', async () => {
    const desired = { ...viewers(5), log: { level: 'debug' } };
    config.offer({ version: 7, desired });
    await config.settled();
    assert.deepEqual(applied(), [5]);
    assert.deepEqual(reported, { ...desired, agent: { appliedVersion: 7 } });
  });

  test('the same document again, whatever its version, does nothing', async () => {
    for (const version of [1, 2, 3]) config.offer({ version, desired: viewers(5) });
    await config.settled();
    assert.deepEqual(applied(), [5]);
    assert.deepEqual(agent(), { appliedVersion: 1 });
  });

  test('refused whole with every fault; the last good one goes on', async () => {
    config.offer({ version: 1, desired: viewers(5) });
    const bad = {
      ...viewers(50),
      log: { level: 'loud' },
      ffmpeg: { path: '/bin/sh' },
      metrics: { intervalSeconds: 5 },
    };
    config.offer({ version: 2, desired: bad });
    await config.settled();
    assert.deepEqual(applied(), [5]);
    const { appliedVersion, refusedVersion, faults: texts } = agent();
    assert.deepEqual([appliedVersion, refusedVersion], [1, 2]);
    assert.ok(Array.isArray(texts) && texts.length === 3);
    for (const key of ['cameras.front.viewers.max', 'ffmpeg.path', 'log.level']) {
      assert.ok(texts.some((text) => typeof text === 'string' && text.startsWith(`${key} is `)));
    }
    assert.deepEqual(reported.cameras, viewers(5).cameras);
    config.offer({ version: 3, desired: viewers(5) });
    await config.settled();
    assert.deepEqual(applied(), [5], 'back to what is applied already');
    assert.deepEqual(agent(), { appliedVersion: 1 });
  });

  test('clearing a key returns to the layer below', async () => {
    config.offer({ version: 1, desired: viewers(5) });
    await config.settled();
    config.offer({ version: 2, desired: {} });
    await config.settled();
    assert.deepEqual(applied(), [5, 3]);
    assert.deepEqual(reported, { agent: { appliedVersion: 2 } });
  });

  test('a document that says what the layers below say is reported without being applied', async () => {
    config.offer({ version: 1, desired: viewers(3) });
    await config.settled();
    assert.deepEqual(applied(), []);
    assert.deepEqual(reported, { ...viewers(3), agent: { appliedVersion: 1 } });
  });

  test('one at a time: a newer one cancels the running one, those between are skipped', async () => {
    manual = true;
    config.offer({ version: 1, desired: viewers(1) });
    await waitForCall(1);
    for (const max of [2, 4, 5]) config.offer({ version: max, desired: viewers(max) });
    assert.equal(calls[0]?.signal.aborted, true);
    assert.equal(calls.length, 1, 'the next waits until the running one has ended');
    calls[0]?.finish(new Error('aborted'));
    await waitForCall(2);
    assert.deepEqual(reported.agent, { appliedVersion: 0 });
    calls[1]?.finish();
    await config.settled();
    assert.deepEqual(applied(), [1, 5]);
    assert.deepEqual(reported, { ...viewers(5), agent: { appliedVersion: 5 } });
  });

  test('a bad document does not disturb the running one', async () => {
    manual = true;
    config.offer({ version: 1, desired: viewers(5) });
    await waitForCall(1);
    config.offer({ version: 2, desired: viewers(50) });
    assert.equal(calls[0]?.signal.aborted, false);
    calls[0]?.finish();
    await config.settled();
    assert.deepEqual(agent().appliedVersion, 1);
    assert.deepEqual(agent().refusedVersion, 2);
  });

  test('back to what was applied while another is being applied: it is applied again', async () => {
    manual = true;
    config.offer({ version: 1, desired: viewers(5) });
    await waitForCall(1);
    config.offer({ version: 2, desired: {} });
    calls[0]?.finish();
    await waitForCall(2);
    calls[1]?.finish();
    await config.settled();
    assert.deepEqual(applied(), [5, 3]);
    assert.deepEqual(reported, { agent: { appliedVersion: 2 } });
  });

  test('one that cannot be applied is refused, and the former one restored', async () => {
    manual = true;
    config.offer({ version: 1, desired: viewers(5) });
    await waitForCall(1);
    calls[0]?.finish(new Error('no space left'));
    await waitForCall(2);
    calls[1]?.finish();
    await config.settled();
    assert.deepEqual(applied(), [5, 3]);
    assert.deepEqual(reported, {
      agent: { appliedVersion: 0, refusedVersion: 1, faults: ['could not be applied: no space left'] },
    });
  });

  test('other local layers: applied at once, the desired above them; bad ones change nothing', async () => {
    config.offer({ version: 1, desired: { log: { level: 'debug' } } });
    await config.settled();
    config.replaceLocal(local(9));
    await config.settled();
    assert.throws(() => config.replaceLocal(local(99)), ConfigError);
    await config.settled();
    assert.deepEqual(applied(), [3, 9]);
    assert.deepEqual(reported, { log: { level: 'debug' }, agent: { appliedVersion: 1 } });
  });

  test('desired that leans on a local source is refused when that goes, and taken when it comes', async () => {
    const desired = { cameras: { back: { source: { ref: 'door' } } } };
    config.offer({ version: 1, desired });
    await config.settled();
    config.replaceLocal([...LOCAL, { name: 'reloaded', values: { sources: { door: null } } }]);
    await config.settled();
    assert.equal(agent().refusedVersion, 1);
    assert.equal(reported.cameras, undefined);
    config.replaceLocal(LOCAL);
    await config.settled();
    assert.deepEqual(reported, { ...desired, agent: { appliedVersion: 1 } });
  });

  test('many and long faults stay small', async () => {
    const keys = Object.fromEntries(
      Array.from({ length: 80 }, (_, index) => [`unknown${'y'.repeat(50)}${index}`, 1]),
    );
    config.offer({ version: 1, desired: keys });
    const { faults: texts } = agent();
    assert.ok(Array.isArray(texts) && JSON.stringify(reported).length < 2500);
    assert.match(JSON.stringify(texts.at(-1)), /^"… and \d+ more"$/);
  });

  test('what is wrong with the shadow itself is among the faults while it lasts', () => {
    config.setShadowFault('shadow get: no answer within 10 s');
    assert.deepEqual(agent(), { appliedVersion: 0, faults: ['shadow get: no answer within 10 s'] });
    config.setShadowFault(undefined);
    assert.deepEqual(agent(), { appliedVersion: 0 });
  });

  test('closing cancels what is being applied and waits for it', async () => {
    manual = true;
    config.offer({ version: 1, desired: viewers(5) });
    await waitForCall(1);
    const closed = config.close();
    assert.equal(calls[0]?.signal.aborted, true);
    calls[0]?.finish();
    await closed;
    config.offer({ version: 2, desired: viewers(6) });
    await config.settled();
    assert.equal(calls.length, 1);
  });
});
