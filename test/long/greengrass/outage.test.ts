import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startComponentSite } from '../../e2e/support/component-site.ts';

const OUTAGE_MS = 600_000;
/** The longest wait between two attempts, and one attempt. */
const BACK_MS = 90_000;
const camera = {
  source: { type: 'test' },
  video: { renditions: { high: { width: 320, height: 180, fps: 15, bitrateKbps: 300 } } },
};

describe('10 minutes without the cloud', { concurrency: 2 }, () => {
  for (const personality of ['classic', 'lite'] as const) {
    test(`${personality}: never broken, never ended, and back when it is`, async (t) => {
      const gone = { source: { type: 'v4l2', device: '/dev/video99' }, prewarm: true };
      const site = await startComponentSite({
        personality,
        configuration: { cameras: { front: camera, gone } },
      });
      t.after(() => site.close());
      const { cloud, runner, thingName } = site;
      runner.start();
      await site.masterConnected('front');
      await cloud.stop();
      await delay(OUTAGE_MS);
      assert.deepEqual(runner.history, ['NEW', 'INSTALLED', 'STARTING', 'RUNNING']);
      assert.deepEqual(runner.exitCodes, []);
      const startedAt = performance.now();
      await cloud.start();
      const match = { role: 'MASTER', channelName: `${thingName}-front` } as const;
      await cloud.events.waitFor('connected', match, { nth: 2, timeoutMs: BACK_MS });
      t.diagnostic(`back after ${Math.round(performance.now() - startedAt)} ms`);
      assert.equal(await runner.stop(), false);
      assert.deepEqual(runner.exitCodes, [0]);
    });
  }
});
