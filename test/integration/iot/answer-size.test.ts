import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isObject, type JsonObject, type Layer } from '../../../src/config/layers.ts';
import { DesiredConfig } from '../../../src/iot/desired-config.ts';
import { DeviceShadow } from '../../../src/iot/device-shadow.ts';
import { DeviceStatus, type CameraStatus } from '../../../src/iot/device-status.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { closeCloud, fasterClock, quiet, type ConnectedDevice } from './support/device.ts';
import { startDevice } from './support/uplink.ts';

/** What the nucleus lite passes on: a longer message vanishes. */
const LIMIT_BYTES = 5000;
const THING = 'a-device-with-a-name-of-40-characters-00';

const rendition = (width: number, height: number, bitrateKbps: number) => ({
  width,
  height,
  fps: 30,
  bitrateKbps,
});
const RENDITIONS = {
  high: rendition(1920, 1080, 4000),
  medium: rendition(1280, 720, 2000),
  low: rendition(640, 360, 500),
};
const camera = (host: string): JsonObject => ({
  source: { type: 'rtsp', url: `rtsp://${host}:554/Streaming/Channels/101`, credentialsRef: 'front-login' },
  video: {
    renditions: RENDITIONS,
  },
  viewers: { max: 5 },
});
/** With more keys than can be repeated. */
const spelledOut = (host: string): JsonObject => ({
  ...camera(host),
  video: { renditions: RENDITIONS, codec: 'h264', encoder: 'auto', keyframeIntervalSeconds: 2 },
  channelName: `camera-${host}`,
  enabled: true,
  audio: { enabled: true, codec: 'opus', bitrateKbps: 32, fec: false },
  prewarm: false,
  idleGraceSeconds: 30,
});
const desired: JsonObject = {
  log: { level: 'info' },
  cameras: { entrance: camera('192.168.100.101'), warehouse: camera('192.168.100.102') },
};
const LOCAL: Layer[] = [
  {
    name: 'file',
    values: {
      aws: { region: 'us-west-2' },
      device: { thingName: THING },
      secrets: { 'front-login': { env: 'LOGIN' } },
    },
  },
];

describe('two cameras with three renditions each fit the smallest transport', { timeout: 30_000 }, () => {
  let cloud: LocalCloud;
  let device: ConnectedDevice;
  const sizes = new Map<string, number>();

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
    // Every message of the shadows that the device listens to; `update/documents`, with two states in it, is none of them.
    for (const topic of ['get/accepted', 'update/accepted', 'update/delta']) {
      await cloud.iot.mqtt.subscribe(`$aws/things/${THING}/shadow/name/+/${topic}`, (name, payload) => {
        sizes.set(name, Math.max(sizes.get(name) ?? 0, payload.length));
      });
    }
    ({ device } = await startDevice(cloud, THING, 'lite'));
  });
  after(() => closeCloud(cloud));

  const shadowOf = (
    shadowName: string,
    onDesired?: (document: { version: number; desired: JsonObject }) => void,
    onFault?: (fault: string | undefined) => void,
  ) =>
    new DeviceShadow({
      bus: device.bus,
      thingName: THING,
      shadowName,
      clock: fasterClock(10),
      random: systemRandom,
      log: quiet,
      pollIntervalMs: 500,
      ...(onDesired && { onDesired }),
      ...(onFault && { onFault }),
    });

  async function until(shadowName: string, fits: (reported: JsonObject) => boolean) {
    const match = { thingName: THING, shadowName, operation: 'GetThingShadow' };
    for (let seen = cloud.events.count('shadow', match); ; seen += 1) {
      const state = cloud.iot.shadows.get(THING, shadowName)?.['state'];
      if (isObject(state) && isObject(state['reported']) && fits(state['reported'])) {
        // Once more, so that the device fetches this very document.
        return cloud.events.waitFor('shadow', match, { nth: cloud.events.count('shadow', match) + 1 });
      }
      await cloud.events.waitFor('shadow', match, { nth: seen + 1 });
    }
  }

  function assertSmall(when: string) {
    assert.ok(sizes.size > 0);
    for (const [topic, bytes] of sizes) assert.ok(bytes < LIMIT_BYTES, `${topic} ${when}: ${bytes} bytes`);
  }

  test('the shadow that configures: applied, refused, and too long to be repeated', async (t) => {
    const config = new DesiredConfig({
      local: LOCAL,
      log: quiet,
      report: (document) => shadow.report(document),
      isShort: true,
      apply: async () => undefined,
    });
    const shadow = shadowOf(
      'kvs-webrtc',
      (document) => config.offer(document),
      (fault) => config.setShadowFault(fault),
    );
    await config.start();
    device.run('shadow', (signal) => shadow.run(signal));
    await cloud.iot.shadows.update(THING, 'kvs-webrtc', { state: { desired } });
    await until('kvs-webrtc', ({ cameras }) => cameras !== undefined);
    t.diagnostic(JSON.stringify(Object.fromEntries(sizes)));
    assertSmall('applied');
    const faulty = { viewers: { max: 99 }, video: { encoder: '-y /etc/passwd', codec: 'vp8' } };
    const refused = { log: { level: 'very loud' }, cameras: { entrance: faulty, warehouse: faulty } };
    await cloud.iot.shadows.update(THING, 'kvs-webrtc', { state: { desired: refused } });
    await until('kvs-webrtc', ({ agent }) => isObject(agent) && Array.isArray(agent['faults']));
    assertSmall('refused');
    t.diagnostic(JSON.stringify(Object.fromEntries(sizes)));
    const large = { entrance: spelledOut('192.168.100.101'), warehouse: spelledOut('192.168.100.102') };
    await cloud.iot.shadows.update(THING, 'kvs-webrtc', {
      state: { desired: { ...desired, cameras: large } },
    });
    // Applied, though not repeated.
    await until('kvs-webrtc', ({ agent, cameras }) => !cameras && isObject(agent) && !agent['faults']);
    // The answer that had no room for the new document beside the old one is lost; the next ones are not.
    sizes.clear();
    await until('kvs-webrtc', () => true);
    assertSmall('too long to be repeated');
    t.diagnostic(JSON.stringify(Object.fromEntries(sizes)));
  });

  test('the shadow of the status, at its longest', async (t) => {
    sizes.clear();
    const failed: CameraStatus = {
      state: 'failed',
      reason: 'ffmpeg ended: '.repeat(20),
      viewers: 10,
      rendition: 'medium',
      lastFrameAt: Date.now(),
      slowest: { estimateKbps: 100_000, reach: 'keyframes' },
      recording: { state: 'reconnecting', reason: 'the peer is silent '.repeat(20) },
    };
    const shadow = shadowOf('kvs-webrtc-status');
    const status = new DeviceStatus({
      agentVersion: '10.20.30',
      cameras: () => ({ entrance: failed, warehouse: failed }),
      report: (document) => shadow.report(document),
      clock: systemClock,
    });
    device.run('status shadow', (signal) => shadow.run(signal));
    device.run('status', (signal) => status.run(signal));
    await until('kvs-webrtc-status', ({ cameras }) => cameras !== undefined);
    assertSmall('failed');
    t.diagnostic(JSON.stringify(Object.fromEntries(sizes)));
  });
});
