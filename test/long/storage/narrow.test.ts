import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as passed } from 'node:timers/promises';
import { NetworkLab } from '../../support/network-lab.ts';
import { FPS, startRecordedSite, summary, verdict } from '../../support/recorded-site.ts';

const CLOUD_NAME = 'cloud.test';
/** Twice what is recorded, and a queue as routers have it. */
const UPLINK_KBPS = 1_200;
const QUEUE_MS = 250;

/** What is kept, 30 s, is more than the first outage takes and less than the second. */
for (const { outageMs, seconds, gaps } of [
  { outageMs: 20_000, seconds: 70, gaps: 0 },
  { outageMs: 50_000, seconds: 120, gaps: 1 },
])
  test(`an outage of ${outageMs / 1000} s on a narrow uplink: what was kept is caught up with, every picture decodes, and what is missing is told`, async (t) => {
    const lab = NetworkLab.create({ hostName: CLOUD_NAME });
    const { site, channelName } = await startRecordedSite({
      launcher: lab.launcher,
      cloud: { host: { name: CLOUD_NAME, address: lab.hostIpv4 } },
    });
    const { storage } = site.cloud;
    const media = storage.media(channelName);
    try {
      lab.shape(UPLINK_KBPS, QUEUE_MS);
      await media.lasting(10, 30_000);
      lab.filter('drop');
      await passed(outageMs);
      lab.filter();
      await storage.connected(channelName, storage.sessions(channelName) + 1, 90_000);
      await media.lasting(seconds, 120_000);
      const behindMs = Date.now() - (media.video.at(-1)?.capturedAtMs ?? 0);
      const judged = await verdict(site, channelName);
      const told = site.agent.logs.filter(({ msg }) => msg === 'the recording has a gap');
      const toldSeconds = told.reduce((sum, { details }) => sum + Number(details['seconds']), 0);
      const missing = judged.steps.reduce((sum, step) => sum + step.missing, 0) / FPS;
      t.diagnostic(`${summary(judged)}; ${Math.round(behindMs)} ms behind`);
      t.diagnostic(`${missing.toFixed(2)} s missing, ${toldSeconds} s told`);
      assert.deepEqual([judged.steps.length, told.length], [gaps, gaps]);
      assert.ok(toldSeconds >= missing - 0.1 && toldSeconds <= missing + 1.3);
      assert.equal(media.incomplete, 0);
      assert.ok(behindMs < 2_000, `${behindMs} ms behind`);
      // Sound is not repeated.
      const beeps = judged.beepAfterFlashMs.length;
      assert.ok(beeps >= judged.seconds - missing - 5, `${beeps} beeps`);
    } finally {
      await site.close();
      lab.close();
    }
  });
