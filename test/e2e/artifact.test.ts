import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import { CloudBackend } from '../cloud/console/cloud-backend.ts';
import { startConsole, type Console } from '../cloud/console/server.ts';
import { startLocalCloud, type LocalCloud } from '../cloud/local-cloud.ts';
import type { CloudNucleus } from '../cloud/nucleus/cloud-nucleus.ts';
import type { ComponentRunner } from '../cloud/nucleus/component-runner.ts';
import type { Personality } from '../cloud/nucleus/recipe.ts';
import { launchBrowser, openViewerPage } from './support/browser.ts';
import { install, packagedDevice, startNucleus, type PackagedDevice } from './support/packaged-device.ts';

const START_TIMEOUT_MS = 30_000;
const MAX_ZIP_BYTES = 55e6;
/** Whatever else the machine does: measured alone it is below 800 ms. */
const MAX_CONNECT_MS = 3000;
/** 85 MB. */
const MAX_IDLE_KB = 83_000;

describe('the packaged artifact', () => {
  let device: PackagedDevice;
  let browser: Browser;

  before(async () => {
    device = packagedDevice();
    browser = await launchBrowser();
  });
  after(async () => {
    await browser.close();
    device.remove();
  });

  test('is small enough', (t) => {
    t.diagnostic(`zip with Node: ${(device.zipBytes / 1e6).toFixed(1)} MB`);
    assert.ok(device.zipBytes <= MAX_ZIP_BYTES);
  });

  for (const personality of ['classic', 'lite'] as const) {
    describe(`under the ${personality} nucleus, started from its recipe`, () => {
      const thingName = `packaged-${personality}`;
      let cloud: LocalCloud;
      let core: CloudNucleus;
      let page: Console;
      let runner: ComponentRunner;

      before(async () => {
        cloud = await startLocalCloud({ iotCore: true });
        cloud.createChannel(`${thingName}-front`);
        const channels = new Map([['front', `${thingName}-front`]]);
        page = await startConsole(new CloudBackend({ cloud, thingName, channels }), 0);
        core = await startNucleus(cloud, thingName, personality);
        runner = install(core, cloud, device);
      });
      after(async () => {
        await core.close();
        await page.close();
        await cloud.close();
      });

      test('installs, starts, is healthy and connected', async (t) => {
        runner.start();
        await runner.until(({ state }) => state === 'STARTING', START_TIMEOUT_MS);
        const startedAt = Date.now();
        const match = { role: 'MASTER', channelName: `${thingName}-front` } as const;
        const { at } = await cloud.events.waitFor('connected', match, { timeoutMs: START_TIMEOUT_MS });
        await runner.until(({ state }) => state === 'RUNNING', START_TIMEOUT_MS);
        assert.deepEqual(runner.history, ['NEW', 'INSTALLED', 'STARTING', 'RUNNING']);
        assert.match(runner.output, /this device can run the agent: user \w+, Node v24\./);
        // The cloud's own user alone may read the device's key.
        if (device.user) assert.match(runner.output, /the device's certificate is not used/);
        t.diagnostic(`start of the script to connected master: ${at - startedAt} ms`);
        assert.ok(at - startedAt < MAX_CONNECT_MS, runner.output);
        const status = readFileSync(`/proc/${runner.pid}/status`, 'utf8');
        const residentKb = Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]);
        t.diagnostic(`idle: ${residentKb} kB resident`);
        assert.ok(residentKb <= MAX_IDLE_KB);
        if (device.user) assert.match(status, new RegExp(`^Uid:\\s+${device.user.uid}\\s`, 'm'));
        assert.equal(readlinkSync(`/proc/${runner.pid}/exe`), join(device.artifact, 'node'));
      });

      test('shows the camera to a viewer', async () => {
        const viewer = await openViewerPage(browser, page.url);
        const { id } = await viewer.play('front');
        await viewer.waitForFrames(id, 45);
        const { video } = await viewer.figures(id);
        assert.deepEqual([video.width, video.height, video.packetsLost], [640, 360, 0]);
        await viewer.close(id);
        assert.deepEqual(viewer.errors, []);
        await viewer.page.context().close();
      });

      test('follows its shadow through the nucleus', async () => {
        const applied = reportedLogLevel(cloud, thingName, 'debug');
        const state = { desired: { log: { level: 'debug' } } };
        await cloud.iot.shadows.update(thingName, 'kvs-webrtc', { state });
        await applied;
      });

      test('stops within 4 s, its state kept in the work folder', async (t) => {
        const startedAt = performance.now();
        assert.equal(await runner.stop(), false, 'something had to be killed');
        const tookMs = performance.now() - startedAt;
        t.diagnostic(`stopped in ${Math.round(tookMs)} ms`);
        assert.ok(tookMs < 4000);
        assert.deepEqual(runner.exitCodes, [0]);
        const work = join(dirname(core.nucleus.ipc.path), 'work', JSON.parse(device.recipe).ComponentName);
        assert.ok(existsSync(join(work, 'state')));
      });
    });
  }
});

describe('the packaged artifact on a device that lacks something', () => {
  const thingName = 'lacking';
  let device: PackagedDevice;
  let cloud: LocalCloud;

  before(async () => {
    device = packagedDevice();
    cloud = await startLocalCloud({ iotCore: true });
    cloud.createChannel(`${thingName}-front`);
  });
  after(async () => {
    await cloud.close();
    device.remove();
  });

  for (const personality of ['classic', 'lite'] as const) {
    test(`${personality}: without ffmpeg the deployment fails, and the log says what to do`, async (context) => {
      const runner = await begin(context, personality, { environment: { PATH: device.pathWithoutFfmpeg } });
      await runner.until(({ state }) => state === 'BROKEN', START_TIMEOUT_MS);
      assert.ok(!runner.history.includes('STARTING'), 'the deployment had begun to replace what ran before');
      assert.match(runner.output, /finds no ffmpeg .* Cure: apt-get install ffmpeg/);
    });

    test(`${personality}: a key that the component's user may not read is fatal only where it is asked for`, async (context) => {
      const { certificatePath, privateKeyPath } = await cloud.createDevice(thingName);
      chmodSync(privateKeyPath, 0o000);
      const identity = { certificatePath, privateKeyPath };
      const merge = { device: identity, credentials: { source: 'x509' } };
      const runner = await begin(context, personality, { merge });
      await runner.until(({ state }) => state === 'BROKEN', START_TIMEOUT_MS);
      assert.deepEqual(runner.exitCodes, [1, 1, 1]);
      assert.ok(!runner.history.includes('RUNNING'), 'never healthy: a deployment would be rolled back');
      const cure = /lacking-\S+ \(device\.\w+\) may not be read by this user: give it read access .*setfacl/;
      assert.match(runner.output, cure);
    });
  }

  async function begin(
    context: TestContext,
    personality: Personality,
    changes: object,
  ): Promise<ComponentRunner> {
    const core = await startNucleus(cloud, thingName, personality);
    context.after(() => core.close());
    const runner = install(core, cloud, device, changes);
    runner.start();
    return runner;
  }
});

/** Resolves when the agent has reported the level as applied. */
function reportedLogLevel(cloud: LocalCloud, thingName: string, level: string): Promise<void> {
  const topic = `$aws/things/${thingName}/shadow/name/kvs-webrtc/update/accepted`;
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error(`log.level ${level} was not reported`));
    AbortSignal.timeout(10_000).addEventListener('abort', fail, { once: true });
    const subscribed = cloud.iot.mqtt.subscribe(topic, (_topic, payload) => {
      const reported = JSON.stringify(JSON.parse(payload.toString()).state?.reported ?? {});
      if (reported.includes(`"level":"${level}"`)) resolve();
    });
    subscribed.catch(reject);
  });
}
