import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isObject, type JsonObject } from '../../../src/config/layers.ts';
import type { LogLine } from '../../cloud/agent-process.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { DeviceProcess } from '../../support/device-process.ts';
import { LiveViewer } from '../../support/live-viewer.ts';
import { closeCloud, Inbox } from './support/device.ts';

const THING = 'changing';

describe('a device at work is changed', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  let device: DeviceProcess;
  let viewer: LiveViewer;
  const answers = new Inbox<JsonObject>();
  let commands = 0;

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
    await cloud.iot.mqtt.subscribe(`kvs-webrtc/${THING}/responses`, (_, payload) => {
      const answer: JsonObject = JSON.parse(payload.toString());
      answers.add(answer);
    });
    const settings = { commands: { allowed: ['status', 'restart-camera', 'reload'] } };
    device = await DeviceProcess.start(cloud, { thingName: THING, settings });
    await device.connected();
    viewer = await LiveViewer.join(cloud, device.channelName, 'live');
    // It listens by the time that it reports.
    await cloud.events.waitFor('shadow', { shadowName: 'kvs-webrtc-status', operation: 'UpdateThingShadow' });
  });
  after(async () => {
    viewer.close();
    await device.agent.stop();
    await closeCloud(cloud);
  });

  async function command(name: string, withArguments: JsonObject = {}): Promise<JsonObject> {
    const id = `c-${(commands += 1)}`;
    const request = { id, arguments: withArguments };
    await cloud.iot.mqtt.publish(`kvs-webrtc/${THING}/commands/${name}`, request);
    return answers.find((answer) => answer['id'] === id);
  }

  async function desire(desired: JsonObject): Promise<void> {
    const known = new Set(device.agent.logs);
    await cloud.iot.shadows.update(THING, 'kvs-webrtc', { state: { desired } });
    const applied = 'desired configuration applied';
    await device.agent.waitForLog(applied, (line) => line.msg === applied && !known.has(line));
  }

  test('fewer viewers are let in, then more; who watches stays', async () => {
    await desire({ cameras: { front: { viewers: { max: 1 } } } });
    await assert.rejects(LiveViewer.join(cloud, device.channelName, 'second'), /could not join/);
    await desire({ cameras: { front: { viewers: { max: 2 } } } });
    const second = await LiveViewer.join(cloud, device.channelName, 'second');
    second.close();
    assert.ok(viewer.standstill().ms < 2_000);
  });

  test('metrics come in the new interval', async () => {
    const documents = new Inbox<string>();
    await cloud.iot.mqtt.subscribe(`kvs-webrtc/${THING}/metrics`, (_, payload) =>
      documents.add(payload.toString()),
    );
    await desire({ metrics: { intervalSeconds: 1 } });
    await documents.count(2);
  });

  test('a camera is restarted by command, its viewer goes on', async () => {
    const known = new Set(device.agent.logs);
    assert.equal((await command('restart-camera', { camera: 'toString' }))['ok'], false);
    assert.equal((await command('restart-camera', { camera: 'front' }))['ok'], true);
    const isBack = (line: LogLine) => line.details['to'] === 'streaming' && !known.has(line);
    await device.agent.waitForLog('the camera streams again', isBack);
    assert.ok(viewer.standstill().ms < 4_000);
  });

  test('a camera gets another name with the file, and reload', async () => {
    const connects = cloud.events.count('connected', { role: 'MASTER' });
    const path = join(cloud.directory, `device-${THING}`, 'agent.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"front": {', '"porch": {'));
    await cloud.iot.shadows.update(THING, 'kvs-webrtc', { state: { desired: null } });
    assert.equal((await command('reload'))['ok'], true);
    await device.connected(connects + 1);
    const { result } = await command('status');
    assert.ok(isObject(result) && isObject(result['cameras']));
    assert.deepEqual(Object.keys(result['cameras']), ['porch']);
    const next = await LiveViewer.join(cloud, device.channelName, 'next');
    next.close();
  });
});
