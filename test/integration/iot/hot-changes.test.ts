import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isObject, type JsonObject } from '../../../src/config/layers.ts';
import type { LogLine } from '../../cloud/agent-process.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { DeviceProcess } from '../../support/device-process.ts';
import { LiveViewer } from '../../support/live-viewer.ts';
import { connect } from '../cloud/support/signaling-client.ts';
import { closeCloud, Inbox } from './support/device.ts';

const THING = 'changing';
const GARDEN = `${THING}-garden`;
const OFFER = readFileSync(join(import.meta.dirname, '../../unit/webrtc/fixtures/chrome-156.sdp'), 'utf8');

describe('a device at work is changed', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  let device: DeviceProcess;
  let viewer: LiveViewer;
  /** Closed in the end whatever becomes of a test: an open one holds the process. */
  const joined: LiveViewer[] = [];
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
    viewer = await joinAs('live');
    // It listens by the time that it reports.
    await cloud.events.waitFor('shadow', { shadowName: 'kvs-webrtc-status', operation: 'UpdateThingShadow' });
  });
  after(async () => {
    for (const each of joined) each.close();
    await device.agent.stop();
    await closeCloud(cloud);
  });

  async function joinAs(clientId: string): Promise<LiveViewer> {
    const one = await LiveViewer.join(cloud, device.channelName, clientId);
    joined.push(one);
    return one;
  }

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
    await assert.rejects(joinAs('second'), /could not join/);
    await desire({ cameras: { front: { viewers: { max: 2 } } } });
    const second = await joinAs('second');
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

  test('a camera is added, its features are switched, it is removed: who watches another one loses nothing', async () => {
    const watched = { role: 'MASTER', channelName: device.channelName } as const;
    const connects = cloud.events.count('connected', watched);
    cloud.createChannel(GARDEN);
    const video = { renditions: { high: { width: 160, height: 120, fps: 5, bitrateKbps: 60 } } };
    const changes: JsonObject[] = [
      { source: { type: 'test' }, video, audio: { enabled: false } },
      { audio: { enabled: true, codec: 'pcmu' }, dataChannel: { enabled: false }, twcc: { enabled: false } },
      { audio: { codec: 'opus' }, dataChannel: null, twcc: null },
    ];
    const features: Features[] = [];
    for (const [index, garden] of changes.entries()) {
      await desire({ cameras: { garden } });
      await cloud.events.waitFor('connected', { ...watched, channelName: GARDEN }, { nth: index + 1 });
      features.push(await featuresOf(GARDEN));
    }
    assert.deepEqual(features, [
      { sound: [], hasDataChannel: true, hasTwcc: true },
      { sound: ['PCMU'], hasDataChannel: false, hasTwcc: false },
      { sound: ['opus'], hasDataChannel: true, hasTwcc: true },
    ]);
    await desire({ cameras: { garden: null } });
    const left = { ...watched, channelName: GARDEN };
    await cloud.events.waitFor('disconnected', left, { nth: changes.length });
    assert.equal(cloud.events.count('connected', watched), connects);
    assert.equal(viewer.lost, 0);
    assert.ok(viewer.standstill().ms < 2_000);
  });

  /** What Chromium's offer is answered with. */
  async function featuresOf(channelName: string): Promise<Features> {
    const signaling = connect(cloud, 'VIEWER', { channelName, clientId: `asks-${(commands += 1)}` });
    await signaling.opened();
    signaling.send('SDP_OFFER', { type: 'offer', sdp: OFFER });
    let answer = await signaling.frame();
    for (let index = 1; answer.messageType !== 'SDP_ANSWER'; index += 1)
      answer = await signaling.frame(index);
    await signaling.close();
    const { sdp = '' }: { sdp?: string } = Object(answer.payload);
    const accepted = sdp.split(/^m=/m).filter((media) => !/^\w+ 0 /.test(media));
    const of = (kind: string) => accepted.find((media) => media.startsWith(kind)) ?? '';
    return {
      sound: [...of('audio').matchAll(/^a=rtpmap:\d+ (\w+)/gm)].map(([, codec = '']) => codec),
      hasDataChannel: of('application') !== '',
      hasTwcc: of('video').includes('transport-cc'),
    };
  }

  test('a camera is restarted by command, its viewer goes on', async () => {
    const known = new Set(device.agent.logs);
    assert.equal((await command('restart-camera', { camera: 'toString' }))['ok'], false);
    assert.equal((await command('restart-camera', { camera: 'front' }))['ok'], true);
    const isBack = (line: LogLine) => line.details['to'] === 'streaming' && !known.has(line);
    await device.agent.waitForLog('the camera streams again', isBack);
    const { result } = await command('status');
    const { state, viewers, rendition }: JsonObject = Object(Object(Object(result).cameras).front);
    assert.deepEqual({ state, viewers, rendition }, { state: 'streaming', viewers: 1, rendition: 'high' });
    assert.ok(viewer.standstill().ms < 4_000);
  });

  test('a camera gets another name with the file, and reload', async () => {
    const { channelName } = device;
    const connects = cloud.events.count('connected', { role: 'MASTER', channelName });
    const path = join(cloud.directory, `device-${THING}`, 'agent.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"front": {', '"porch": {'));
    await cloud.iot.shadows.update(THING, 'kvs-webrtc', { state: { desired: null } });
    assert.equal((await command('reload'))['ok'], true);
    await device.connected(connects + 1);
    const { result } = await command('status');
    assert.ok(isObject(result) && isObject(result['cameras']));
    assert.deepEqual(Object.keys(result['cameras']), ['porch']);
    const next = await joinAs('next');
    next.close();
  });
});

interface Features {
  sound: string[];
  hasDataChannel: boolean;
  hasTwcc: boolean;
}
