import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSite } from '../../cloud/site.ts';
import { launchBrowser, openViewerPage } from '../../e2e/support/browser.ts';

/** Beyond every lifetime: permissions (5 min), credentials (5 min), allocation and channel (10 min). */
const MINUTES = 11;
const MINUTE_MS = 60_000;
const FPS = 5;

test(`a relayed session of ${MINUTES} minutes: the picture never stops`, async () => {
  const camera = {
    source: { type: 'test' },
    ice: { transportPolicy: 'relay' },
    video: { renditions: { high: { width: 160, height: 120, fps: FPS, bitrateKbps: 100 } } },
  };
  const browser = await launchBrowser();
  const site = await startSite({
    cameras: { front: camera },
    cloud: { turn: true, limits: { iceTtlSeconds: 300 } },
  });
  try {
    await site.masterConnected();
    const page = await openViewerPage(browser, site.console.url);
    const { id } = await page.play('front');
    for (let minute = 1; minute <= MINUTES; minute += 1) {
      const before = await page.figures(id);
      // The time itself is what is tested.
      await new Promise((resolve) => setTimeout(resolve, MINUTE_MS));
      const after = await page.figures(id);
      const frames = after.video.framesDecoded - before.video.framesDecoded;
      assert.ok(frames >= 0.95 * FPS * 60, `${frames} pictures in minute ${minute}`);
    }
    const ended = site.agent.logs.filter(({ msg }) => msg === 'viewer session ended');
    assert.deepEqual(ended, []);
  } finally {
    await site.close();
    await browser.close();
  }
});
