import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startComponentSite } from './support/component-site.ts';
import { describeWatched } from './support/watched-component.ts';

const small = { width: 320, height: 180, fps: 15, bitrateKbps: 300 };
const camera = { source: { type: 'test' }, video: { renditions: { high: small } } };
const isRunning = ({ state }: { state: string }) => state === 'RUNNING';

describe('a Greengrass component', { concurrency: 2 }, () => {
  for (const personality of ['classic', 'lite'] as const)
    describe(`that is watched, on ${personality}`, { concurrency: false }, () =>
      describeWatched(personality),
    );

  for (const personality of ['classic', 'lite'] as const) {
    test(`${personality}: no cloud and no camera at boot: running, and serving as soon as they are there`, async (t) => {
      const gone = { source: { type: 'v4l2', device: '/dev/video99' }, prewarm: true };
      const site = await startComponentSite({
        personality,
        configuration: { cameras: { front: camera, gone }, log: { level: 'debug' } },
      });
      t.after(() => site.close());
      const { cloud, runner } = site;
      await cloud.stop();
      runner.start();
      await runner.until(isRunning, 15_000);
      await runner.until(({ output }) => output.split('failed again').length > 4, 30_000);
      await runner.until(({ output }) => output.includes('/dev/video99'), 15_000);
      assert.deepEqual([runner.history.at(-1), runner.exitCodes], ['RUNNING', []]);
      await cloud.start();
      await site.masterConnected('front');
      assert.equal(await runner.stop(), false);
      assert.deepEqual(runner.history, ['NEW', 'INSTALLED', 'STARTING', 'RUNNING', 'STOPPING', 'FINISHED']);
      assert.deepEqual(runner.exitCodes, [0]);
    });
  }
});
