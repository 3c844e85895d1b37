import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isObject, valueAt } from '../../../src/config/layers.ts';
import { processFigures } from '../../../src/metrics/process-tree.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { closeCloud } from '../../integration/iot/support/device.ts';
import { DeviceProcess } from '../../support/device-process.ts';
import { LiveViewer } from '../../support/live-viewer.ts';

const AWAY_MS = 300_000;
const REPORTED_MS = 5000;
const FPS = 5;
/** Of a picture every 200 ms. */
const STANDSTILL_MS = 1000;
const GROWN_BYTES = 20e6;
const THING = 'cut-off';

describe('a device whose broker is away for 5 minutes while it is watched', () => {
  let cloud: LocalCloud;
  let device: DeviceProcess;
  let viewer: LiveViewer;

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
    device = await DeviceProcess.start(cloud, {
      thingName: THING,
      settings: { metrics: { intervalSeconds: 1 }, log: { level: 'info' } },
    });
    await device.connected();
    viewer = await LiveViewer.join(cloud, device.channelName, 'live');
  });
  after(async () => {
    viewer?.close();
    await device?.agent.stop();
    if (cloud) await closeCloud(cloud);
  });

  test('streams on without a gap, stays small, and reports within 5 s of its return', async (t) => {
    await reportedViewers(1);
    await cloud.iot.stop();
    const [residentBefore, picturesBefore, startedAt] = [
      await residentBytes(),
      viewer.pictures,
      performance.now(),
    ];
    // Who comes meanwhile is served too, and is what has to be reported afterwards.
    const second = await LiveViewer.join(cloud, device.channelName, 'second');
    await delay(AWAY_MS);
    const grown = (await residentBytes()) - residentBefore;
    const seconds = (performance.now() - startedAt) / 1000;
    const pictures = viewer.pictures - picturesBefore;
    await cloud.iot.start();
    const returnedAt = performance.now();
    await reportedViewers(2);
    const reportedMs = performance.now() - returnedAt;
    const { ms: standstillMs } = viewer.standstill();
    second.close();
    t.diagnostic(
      `${seconds.toFixed(0)} s without a broker: ${pictures} pictures, ${viewer.lost} packets lost, the longest ` +
        `standstill ${standstillMs.toFixed(0)} ms; grown by ${(grown / 1e6).toFixed(1)} MB; ` +
        `reported ${reportedMs.toFixed(0)} ms after its return`,
    );
    assert.equal(viewer.lost, 0);
    assert.ok(pictures >= FPS * seconds - FPS, `${pictures} pictures in ${seconds} s`);
    assert.ok(standstillMs < STANDSTILL_MS, `stood still for ${standstillMs} ms`);
    assert.ok(grown < GROWN_BYTES, `grown by ${grown} bytes`);
    assert.ok(reportedMs < REPORTED_MS, `reported after ${reportedMs} ms`);
    assert.equal(device.said('connected to IoT Core'), 2);
  });

  async function residentBytes(): Promise<number> {
    const figures = await processFigures(device.agent.pid);
    assert.ok(figures, 'the agent has ended');
    return figures.residentBytes;
  }

  /** Resolves when the status shadow says so. */
  async function reportedViewers(count: number): Promise<void> {
    const match = { thingName: THING, shadowName: 'kvs-webrtc-status', operation: 'UpdateThingShadow' };
    const isTold = () => {
      const document: unknown = structuredClone(cloud.iot.shadows.get(THING, 'kvs-webrtc-status'));
      const path = ['state', 'reported', 'cameras', 'front', 'viewers'];
      return isObject(document) && valueAt(document, path) === count;
    };
    for (let seen = cloud.events.count('shadow', match); !isTold(); seen += 1)
      await cloud.events.waitFor('shadow', match, { nth: seen + 1 });
  }
});
