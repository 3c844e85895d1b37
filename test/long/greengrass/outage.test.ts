import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DeviceSite } from './support/device-site.ts';

const OUTAGE_MS = 600_000;
/** A second one, in which the component is stopped. */
const SHORT_OUTAGE_MS = 30_000;
/** The longest wait between two attempts, and one attempt. */
const BACK_MS = 90_000;
/** Where the device itself sees that its network is back: that is looked at once a second, and the first attempts follow closely. */
const INTERFACE_BACK_MS = 10_000;
const STOP_MS = 4000;
const camera = {
  source: { type: 'test' },
  video: { renditions: { high: { width: 320, height: 180, fps: 15, bitrateKbps: 300 } } },
};
const gone = { source: { type: 'v4l2', device: '/dev/video99' }, prewarm: true };

interface Outage {
  name: string;
  backMs: number;
  begin: (site: DeviceSite) => Promise<void> | void;
  end: (site: DeviceSite) => Promise<void> | void;
}

const OUTAGES: Outage[] = [
  {
    name: 'nothing of it listens',
    backMs: BACK_MS,
    begin: ({ cloud }) => cloud.stop(),
    end: ({ cloud }) => cloud.start(),
  },
  {
    name: 'every packet vanishes, questions for names too',
    backMs: BACK_MS,
    begin: ({ lab }) => lab.filter('drop'),
    end: ({ lab }) => lab.filter(),
  },
  {
    name: 'the interface is down',
    backMs: INTERFACE_BACK_MS,
    begin: ({ lab }) => lab.unplug(),
    end: ({ lab }) => lab.plugIn(),
  },
];

describe('10 minutes without the cloud', { concurrency: 6 }, () => {
  for (const { name, backMs, begin, end } of OUTAGES)
    for (const personality of ['classic', 'lite'] as const)
      test(`${name}, ${personality}: never broken, never ended, and back when it is`, async (t) => {
        const site = await DeviceSite.start({
          personality,
          configuration: { cameras: { front: camera, gone } },
        });
        t.after(() => site.close());
        const match = { role: 'MASTER', channelName: `${site.thingName}-front` } as const;
        const { events } = site.cloud;
        await events.waitFor('connected', match, { timeoutMs: 30_000 });
        await begin(site);
        await delay(OUTAGE_MS);
        const life = await site.life();
        assert.deepEqual(life.history, ['NEW', 'INSTALLED', 'STARTING', 'RUNNING'], life.output);
        assert.deepEqual(life.exitCodes, []);
        const startedAt = performance.now();
        await end(site);
        await events.waitFor('connected', match, { nth: 2, timeoutMs: backMs });
        t.diagnostic(`back after ${Math.round(performance.now() - startedAt)} ms`);
        await begin(site);
        await delay(SHORT_OUTAGE_MS);
        const { stopped, exitCodes } = await site.stop();
        t.diagnostic(`stopped in ${Math.round(stopped?.tookMs ?? 0)} ms`);
        assert.equal(stopped?.killed, false, 'something had to be killed');
        assert.ok(stopped.tookMs < STOP_MS);
        assert.deepEqual(exitCodes, [0]);
      });
});
