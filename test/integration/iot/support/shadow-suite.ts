import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { JsonObject } from '../../../../src/config/layers.ts';
import {
  DeviceShadow,
  type DesiredDocument,
  type DeviceShadowOptions,
} from '../../../../src/iot/device-shadow.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { systemRandom } from '../../../../src/runtime/random.ts';
import { startLocalCloud, type LocalCloud } from '../../../cloud/local-cloud.ts';
import { closeCloud, fasterClock, Inbox, quiet } from './device.ts';
import { startDevice, type Uplink } from './uplink.ts';

const SHADOW = 'kvs-webrtc';

/** The tests of a device shadow, whatever carries it. */
export function describeShadow(uplink: Uplink): void {
  let cloud: LocalCloud;

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
  });
  after(() => closeCloud(cloud));

  /** A device with one shadow, and what the cloud made of it. */
  async function start(thingName: string, options: Partial<DeviceShadowOptions> = {}) {
    const link = await startDevice(cloud, thingName, uplink);
    const { device } = link;
    const desired = new Inbox<DesiredDocument>();
    const shadow = new DeviceShadow({
      bus: device.bus,
      thingName,
      shadowName: SHADOW,
      clock: systemClock,
      random: systemRandom,
      log: quiet,
      reportIntervalMs: 50,
      onDesired: (document) => desired.add(document),
      ...options,
    });
    device.run('shadow', (signal) => shadow.run(signal));
    return { ...link, shadow, desired };
  }

  const update = (thingName: string, state: JsonObject) =>
    cloud.iot.shadows.update(thingName, SHADOW, { state });
  const documentOf = (thingName: string) => cloud.iot.shadows.get(thingName, SHADOW) ?? {};
  const reported = (thingName: string): unknown => stateOf(documentOf(thingName)).reported;
  const requests = (thingName: string, operation: string) =>
    cloud.events.count('shadow', { thingName, operation });

  /** Resolves when `thingName` has reported `expected`. */
  async function untilReported(thingName: string, expected: unknown) {
    const same = () => {
      try {
        assert.deepEqual(plain(reported(thingName)), expected);
        return true;
      } catch {
        return false;
      }
    };
    for (let seen = requests(thingName, 'UpdateThingShadow'); !same(); seen += 1) {
      await cloud.events.waitFor('shadow', { thingName, operation: 'UpdateThingShadow' }, { nth: seen + 1 });
    }
  }

  test('no shadow at all: nothing is desired', async () => {
    const { device, desired } = await start('none');
    assert.deepEqual(await desired.count(1), [{ version: 0, desired: {} }]);
    await device.close();
  });

  test('what is desired arrives at the start, after a change, and after a key or all of it is deleted', async () => {
    await update('desire', { desired: { log: { level: 'info' }, metrics: { intervalSeconds: 10 } } });
    const { device, desired } = await start('desire');
    const has = (expected: JsonObject) =>
      desired.find((document) => JSON.stringify(document.desired) === JSON.stringify(expected));
    await has({ log: { level: 'info' }, metrics: { intervalSeconds: 10 } });
    await update('desire', { desired: { log: { level: 'debug' } } });
    await has({ log: { level: 'debug' }, metrics: { intervalSeconds: 10 } });
    // Nothing differs from reported here, so no delta comes.
    await update('desire', { reported: { log: { level: 'debug' }, metrics: { intervalSeconds: 10 } } });
    await update('desire', { desired: { metrics: null } });
    await has({ log: { level: 'debug' } });
    const { version } = await update('desire', { desired: null });
    assert.equal((await has({})).version, version);
    await update('desire', { desired: { log: { level: 'warn' } } });
    await has({ log: { level: 'warn' } });
    await cloud.iot.mqtt.publish(`$aws/things/desire/shadow/name/${SHADOW}/delete`, '{}');
    await desired.find(({ version: last }) => last === 0);
    await update('desire', { desired: { log: { level: 'error' } } });
    await has({ log: { level: 'error' } });
    await device.close();
  });

  test('a burst of changes costs few gets and ends with the last', async () => {
    const { device, desired } = await start('burst');
    await desired.count(1);
    const updates = Array.from({ length: 50 }, (_, index) => update('burst', { desired: { n: index } }));
    await Promise.all(updates);
    const last = await desired.find(({ version }) => version === 50);
    assert.deepEqual(last.desired, { n: 49 });
    const versions = desired.items.map(({ version }) => version);
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
      'never an older one after a newer one',
    );
    assert.ok(requests('burst', 'GetThingShadow') < 50);
    await device.close();
  });

  test('changes made while away arrive after the reconnect', async () => {
    const { device, desired, cut, restore } = await start('away');
    await desired.count(1);
    await cut();
    await update('away', { desired: { a: 1 } });
    await update('away', { desired: { a: 2 } });
    await restore();
    await desired.find(({ desired: { a } }) => a === 2);
    assert.equal(desired.items.length, 2);
    await device.close();
  });

  test('reported: only what differs is sent, nulls remove, also what an earlier run left', async () => {
    await update('report', { reported: { stale: true, nested: { old: 1, kept: 2 } } });
    const { device, shadow } = await start('report');
    shadow.report({ nested: { kept: 2, list: [1, 2] }, agent: { version: '1' } });
    await untilReported('report', { nested: { kept: 2, list: [1, 2] }, agent: { version: '1' } });
    const sent: unknown[] = [];
    await cloud.iot.mqtt.subscribe('$aws/things/report/shadow/name/+/update/accepted', (_, payload) =>
      sent.push(stateOf(JSON.parse(payload.toString())).reported),
    );
    shadow.report({ nested: { kept: 2, list: [1, 2] }, agent: { version: '2' } });
    await untilReported('report', { nested: { kept: 2, list: [1, 2] }, agent: { version: '2' } });
    shadow.report({ nested: { list: [2] }, agent: { version: '2' } });
    await untilReported('report', { nested: { list: [2] }, agent: { version: '2' } });
    assert.deepEqual(sent, [{ agent: { version: '2' } }, { nested: { kept: null, list: [2] } }]);
    await device.close();
  });

  test('many reports are few updates, the newest wins', async () => {
    const { device, shadow, desired } = await start('rate', { reportIntervalMs: 100 });
    await desired.count(1);
    const startedAt = performance.now();
    for (let n = 0; n <= 200; n += 1) {
      shadow.report({ n });
      await new Promise(setImmediate);
    }
    await untilReported('rate', { n: 200 });
    const allowed = 2 + (performance.now() - startedAt) / 100;
    assert.ok(requests('rate', 'UpdateThingShadow') <= allowed);
    await device.close();
  });

  test('reports made offline: the newest is there after the reconnect', async () => {
    const { device, shadow, cut, restore } = await start('offline');
    shadow.report({ state: 'streaming', viewers: 1 });
    await untilReported('offline', { state: 'streaming', viewers: 1 });
    await cut();
    for (let viewers = 0; viewers < 10_000; viewers += 1) shadow.report({ state: 'failed', viewers });
    shadow.report({ state: 'off' });
    await restore();
    await untilReported('offline', { state: 'off' });
    await device.close();
  });

  test('a get without an answer is told of and reported, and over when it is answered again', async () => {
    // Each get is sent again after 3, 6 and 9 s.
    cloud.faults.add('GetThingShadow', { kind: 'hang', times: 8 });
    const told: (string | undefined)[] = [];
    const { device, shadow, desired } = await start('silent', {
      clock: fasterClock(50),
      onFault: (fault) => {
        told.push(fault);
        shadow.report({ faults: fault === undefined ? [] : [fault] });
      },
    });
    const fault = 'shadow get: no answer within 10 s';
    await untilReported('silent', { faults: [fault] });
    await desired.count(1);
    await untilReported('silent', { faults: [] });
    assert.deepEqual([...new Set(told)], [fault, undefined]);
    assert.equal(told.indexOf(undefined), told.length - 1);
    await device.close();
  });

  test('garbage, rejections and throttling of the service pass', async () => {
    cloud.faults.add('GetThingShadow', { kind: 'garbage', times: 1 });
    cloud.faults.add('UpdateThingShadow', { kind: 'error', status: 500, errorType: 'Internal', times: 2 });
    const { device, shadow, desired } = await start('rejecting', { clock: fasterClock(50) });
    shadow.report({ a: 1 });
    await untilReported('rejecting', { a: 1 });
    cloud.faults.add('GetThingShadow', {
      kind: 'error',
      status: 429,
      errorType: 'TooManyRequests',
      times: 2,
    });
    await update('rejecting', { desired: { b: 2 } });
    await desired.find(({ desired: { b } }) => b === 2);
    await device.close();
  });

  test('a report that is refused for good is not sent again, a smaller one is', async () => {
    const { device, shadow, desired } = await start('too-large');
    await desired.count(1);
    shadow.report({ text: 'x'.repeat(9000) });
    const updated = { thingName: 'too-large', operation: 'UpdateThingShadow' };
    // Lite cannot carry it at all.
    if (uplink !== 'lite') await cloud.events.waitFor('shadow', { ...updated, code: 413 });
    shadow.report({ text: 'y' });
    await untilReported('too-large', { text: 'y' });
    assert.equal(requests('too-large', 'UpdateThingShadow'), uplink === 'lite' ? 1 : 2);
    await device.close();
  });

  test('the document is fetched now and then although nothing told of a change', async () => {
    const { device, desired } = await start('poll', { pollIntervalMs: 20 });
    await desired.count(4);
    await device.close();
  });

  test('messages that make no sense, and answers to others, change nothing', async () => {
    const { device, desired } = await start('hostile');
    await desired.count(1);
    const prefix = `$aws/things/hostile/shadow/name/${SHADOW}`;
    for (const payload of [
      '',
      '[]',
      'null',
      '{',
      '{"version":"x"}',
      '\u0000',
      '{"state":{"desired":5},"version":1e99}',
    ]) {
      for (const topic of [
        'get/accepted',
        'get/rejected',
        'update/accepted',
        'update/rejected',
        'update/delta',
      ]) {
        await cloud.iot.mqtt.publish(`${prefix}/${topic}`, payload);
      }
    }
    const forged = { state: { desired: { forged: true } }, version: 9, clientToken: 'other' };
    await cloud.iot.mqtt.publish(`${prefix}/get/accepted`, forged);
    await update('hostile', { desired: { a: 1 } });
    await desired.find(({ desired: { a } }) => a === 1);
    assert.ok(desired.items.every(({ desired: { forged: found } }) => found === undefined));
    await device.close();
  });
}

function stateOf(document: object): { reported?: unknown; desired?: unknown } {
  return 'state' in document && typeof document.state === 'object' && document.state !== null
    ? document.state
    : {};
}

/** Without the prototypes and order that the service's objects have. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
