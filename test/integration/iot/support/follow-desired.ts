import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { isObject, type JsonObject } from '../../../../src/config/layers.ts';
import { DesiredConfig } from '../../../../src/iot/desired-config.ts';
import { DeviceShadow } from '../../../../src/iot/device-shadow.ts';
import { systemRandom } from '../../../../src/runtime/random.ts';
import type { LocalCloud } from '../../../cloud/local-cloud.ts';
import { effective, LOCAL, model, step, type Effective, type Step } from './desired-model.ts';
import { fasterClock, quiet } from './device.ts';
import { startDevice, type LinkedDevice, type Uplink } from './uplink.ts';

const SHADOW = 'kvs-webrtc';
const THING = 'model';

/**
 * Sends `count` random changes of desired, with outages between, and asserts after each that the device's
 * configuration is what the model says, that the delta is empty where it was applied, and what is reported.
 */
export async function followRandomDesired(
  cloud: LocalCloud,
  uplink: Uplink,
  count: number,
  seed: number,
): Promise<void> {
  const link = await startDevice(cloud, THING, uplink);
  const { device } = link;
  let actual: Effective | undefined;
  const config = new DesiredConfig({
    local: LOCAL,
    log: quiet,
    report: (document) => shadow.report(document),
    apply: async (applied) => void (actual = effective(applied)),
  });
  const shadow = new DeviceShadow({
    bus: device.bus,
    thingName: THING,
    shadowName: SHADOW,
    clock: fasterClock(20),
    random: systemRandom,
    log: quiet,
    reportIntervalMs: 10,
    onDesired: (document) => config.offer(document),
  });
  actual = effective(await config.start());
  device.run('shadow', (signal) => shadow.run(signal));

  let expected = model({});
  let appliedDesired: JsonObject = {};
  for (const [index, { patch, down }] of fc.sample(step, { numRuns: count, seed }).entries()) {
    await change(cloud, link, uplink, { patch, down });
    const desired = sectionOf(cloud, 'desired');
    const modelled = model(desired);
    if (modelled) [expected, appliedDesired] = [modelled, desired];
    const told = () => {
      const { agent, ...reported } = sectionOf(cloud, 'reported');
      const refused = isObject(agent) && agent['refusedVersion'] !== undefined;
      return isObject(agent) && refused === !modelled && isSame(reported, appliedDesired);
    };
    const what = `step ${index}: ${JSON.stringify({ patch, down, desired })}`;
    await until(cloud, told, () => `${what}\n${JSON.stringify(cloud.iot.shadows.get(THING, SHADOW))}`);
    await config.settled();
    assert.deepEqual(actual, expected, what);
    if (modelled) assert.equal('delta' in stateOf(cloud), false, what);
  }
  assert.equal('polluted' in {}, false);
  await config.close();
  await device.close();
}

/** `down`: the broker, or the nucleus's socket, is away meanwhile. */
async function change(
  cloud: LocalCloud,
  { cut, restore }: LinkedDevice,
  uplink: Uplink,
  { patch, down }: Step,
): Promise<void> {
  const goDown = uplink === 'direct' ? () => cloud.iot.stop() : cut;
  const comeBack = uplink === 'direct' ? () => cloud.iot.start() : restore;
  if (down) await goDown();
  const updated = cloud.iot.shadows.update(THING, SHADOW, { state: { desired: patch } });
  if (down) await comeBack();
  await updated;
}

/** Waits for the device's updates until `condition`. */
async function until(cloud: LocalCloud, condition: () => boolean, describe: () => string): Promise<void> {
  const match = { thingName: THING, operation: 'UpdateThingShadow' };
  for (let seen = cloud.events.count('shadow', match); !condition(); seen += 1) {
    await cloud.events.waitFor('shadow', match, { nth: seen + 1 }).catch((cause: unknown) => {
      throw new Error(`not reported: ${describe()}`, { cause });
    });
  }
}

function stateOf(cloud: LocalCloud): JsonObject {
  const document: JsonObject = JSON.parse(JSON.stringify(cloud.iot.shadows.get(THING, SHADOW) ?? {}));
  return isObject(document['state']) ? document['state'] : {};
}

function sectionOf(cloud: LocalCloud, name: 'desired' | 'reported'): JsonObject {
  const section = stateOf(cloud)[name];
  return isObject(section) ? section : {};
}

function isSame(one: JsonObject, other: JsonObject): boolean {
  try {
    assert.deepEqual(one, other);
    return true;
  } catch {
    return false;
  }
}
