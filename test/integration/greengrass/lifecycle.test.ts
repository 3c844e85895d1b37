import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComponentState } from '../../../src/greengrass/component-state.ts';
import { UpdateDeferral } from '../../../src/greengrass/update-deferral.ts';
import { ConfigurationValidation } from '../../../src/greengrass/validation.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { COMPONENT, Heard, KeptLog, PERSONALITIES, startIpc, startNucleus } from './support/bench.ts';

const forever = new AbortController().signal;

for (const personality of PERSONALITIES) {
  test(`${personality}: the nucleus hears of a state once, and again after a reconnection`, async (context) => {
    const { nucleus, env } = await startNucleus(context, personality);
    const { ipc, log } = startIpc(context, env);
    const state = new ComponentState(ipc, log);
    // Before there is a connection: told when there is one.
    await state.report('RUNNING');
    state.start();
    const told = new Heard<boolean>();
    ipc.attach(async () => told.hear(true));
    await told.until();
    await state.report('RUNNING');
    await state.report('ERRORED', 'ffmpeg does not start');
    const running = { component: COMPONENT, state: 'RUNNING' };
    const errored = { component: COMPONENT, state: 'ERRORED' };
    assert.deepEqual(nucleus.reportedStates, [running, errored]);
    assert.match(JSON.stringify(log.lines), /ffmpeg does not start/);
    await state.report('RUNNING');
    nucleus.ipc.disconnect();
    await ipc.connection?.lost;
    await ipc.connected(forever);
    await nucleus.ipc.until(() => nucleus.reportedStates.length === 4);
    assert.deepEqual(nucleus.reportedStates.at(-1), running);
  });
}

test('classic: a bad configuration is refused before it is applied, with every fault', async (context) => {
  const { nucleus, env } = await startNucleus(context, 'classic', { cameras: {} });
  const { ipc, log } = startIpc(context, env);
  const proposals = new Heard<object>();
  new ConfigurationValidation({
    ipc,
    log,
    faultsOf: (proposed) => {
      proposals.hear(proposed);
      if ('crash' in proposed) throw new Error('a fault of our own');
      return 'good' in proposed ? [] : ['cameras.a is bad', 'cameras.b is bad'];
    },
  }).start();
  await ipc.connected(forever);
  await nucleus.ipc.until(() => nucleus.configuration.hasValidator(COMPONENT));
  const before = nucleus.configs.of(COMPONENT);
  const refused = await nucleus.deploy({ component: COMPONENT, merge: { bad: true } });
  assert.deepEqual(refused, {
    status: 'FAILED_NO_STATE_CHANGE',
    message: 'cameras.a is bad; cameras.b is bad',
  });
  assert.deepEqual(nucleus.configs.of(COMPONENT), before);
  assert.deepEqual(proposals.all, [{ cameras: {}, bad: true }]);
  const broken = await nucleus.deploy({ component: COMPONENT, merge: { crash: true } });
  assert.equal(broken.message, 'a fault of our own');
  const applied = await nucleus.deploy({ component: COMPONENT, merge: { good: true } });
  assert.equal(applied.status, 'SUCCEEDED');
});

test('lite: validation and deferral are found missing, and nothing else suffers', async (context) => {
  const { nucleus, env } = await startNucleus(context, 'lite', { cameras: {} });
  const { ipc, log } = startIpc(context, env);
  new ConfigurationValidation({ ipc, log, faultsOf: () => ['bad'] }).start();
  new UpdateDeferral({ ipc, clock: systemClock, log, isBusy: () => true }).start();
  const connection = await ipc.connected(forever);
  await log.until('this nucleus does not have it');
  const result = await nucleus.deploy({ component: COMPONENT, merge: { cameras: { a: {} } } });
  assert.equal(result.status, 'SUCCEEDED');
  assert.equal(ipc.connection, connection);
  assert.ok(!log.lines.some(({ level }) => level === 'warn' || level === 'error'));
});

/** The system's timers under a time of its own. */
function shiftedClock(): Clock & { aheadMs: number } {
  return {
    ...systemClock,
    aheadMs: 0,
    monotonic() {
      return systemClock.monotonic() + this.aheadMs;
    },
  };
}

async function startDeferral(context: Parameters<typeof startNucleus>[0], isBusy: () => boolean) {
  const bench = await startNucleus(context, 'classic', {});
  const { ipc } = startIpc(context, bench.env);
  const clock = shiftedClock();
  const log = new KeptLog();
  const deferral = new UpdateDeferral({ ipc, clock, log, isBusy, recheckAfterMs: 20 });
  deferral.start();
  await bench.nucleus.ipc.until(() => bench.nucleus.lifecycle.hasSubscriber(COMPONENT));
  return { ...bench, clock, log, deferral };
}

test('classic: an update goes ahead at once while nobody watches', async (context) => {
  const { nucleus, deferral } = await startDeferral(context, () => false);
  const result = await nucleus.deploy({ component: COMPONENT, merge: { a: 1 } });
  assert.equal(result.status, 'SUCCEEDED');
  assert.deepEqual(
    nucleus.lifecycle.deferrals.map(({ recheckAfterMs }) => recheckAfterMs),
    [0],
  );
  assert.equal(deferral.isDeferring, false);
});

test('classic: an update waits for the last viewer to leave', async (context) => {
  let viewers = 1;
  const { nucleus, log, deferral } = await startDeferral(context, () => viewers > 0);
  const deployed = nucleus.deploy({ component: COMPONENT, merge: { a: 1 } });
  await log.until('update deferred: somebody is watching');
  assert.equal(deferral.isDeferring, true);
  await nucleus.ipc.until(() => nucleus.lifecycle.deferrals.length >= 3);
  assert.equal(nucleus.configs.of(COMPONENT)?.a, undefined);
  viewers = 0;
  await deployed;
  assert.equal(nucleus.configs.of(COMPONENT)?.a, 1);
  assert.equal(deferral.isDeferring, false);
  assert.equal(log.lines.length, 2, 'a deferral is two lines, its start and its end');
});

test('classic: an update waits ten minutes at most, and each deployment has its own', async (context) => {
  const { nucleus, log, clock } = await startDeferral(context, () => true);
  for (const name of ['first', 'second']) {
    log.lines.length = 0;
    const asked = nucleus.lifecycle.deferrals.length;
    const deployed = nucleus.deploy({ component: COMPONENT, merge: { [name]: 1 } });
    await log.until('update deferred: somebody is watching');
    clock.aheadMs += 599_000;
    await nucleus.ipc.until(() => nucleus.lifecycle.deferrals.length >= asked + 3);
    assert.equal(nucleus.configs.of(COMPONENT)?.[name], undefined);
    clock.aheadMs += 1000;
    await deployed;
    assert.equal(nucleus.configs.of(COMPONENT)?.[name], 1);
    const asks = nucleus.lifecycle.deferrals.slice(asked).map(({ recheckAfterMs }) => recheckAfterMs);
    assert.equal(asks.at(-1), 0);
    assert.ok(asks.slice(0, -1).every((ms) => ms > 0 && ms <= 20));
  }
});
