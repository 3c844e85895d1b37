import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Personality } from '../../cloud/nucleus/recipe.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './browser.ts';
import { COMPONENT, startComponentSite, type ComponentSite } from './component-site.ts';

const STOP_MS = 4000;
/** A viewer that is not told notices after 5 s at the soonest. */
const GOODBYE_MS = 1000;
const small = { width: 320, height: 180, fps: 15, bitrateKbps: 300 };
const camera = { source: { type: 'test' }, video: { renditions: { high: small } } };
const isRunning = ({ state }: { state: string }) => state === 'RUNNING';

/** The tests of a component that somebody watches. */
export function describeWatched(personality: Personality): void {
  let browser: Browser;
  let site: ComponentSite;
  let page: ViewerPage;
  let viewer: string;

  before(async () => {
    browser = await launchBrowser();
    site = await startComponentSite({
      personality,
      configuration: { cameras: { front: camera } },
      hurry: 100,
    });
    site.runner.start();
    await site.masterConnected('front');
    await site.runner.until(isRunning, 15_000);
    page = await openViewerPage(browser, site.console.url);
    ({ id: viewer } = await page.play('front'));
    await page.waitForFrames(viewer, 5);
  });
  after(async () => {
    await browser.close();
    await site.close();
  });

  test('a deployment with a bad configuration changes nothing, and says what is wrong', async () => {
    const { nucleus } = site;
    const merge = { cameras: { front: { viewers: { max: 99 } } }, metrics: { often: true } };
    const { status, message } = await nucleus.deploy({ component: COMPONENT, merge });
    if (personality === 'classic') {
      assert.equal(status, 'FAILED_NO_STATE_CHANGE');
      assert.match(
        message,
        /cameras\.front\.viewers\.max.*; metrics\.often|metrics\.often.*; cameras\.front/,
      );
      assert.equal(JSON.stringify(nucleus.configs.of(COMPONENT)).includes('99'), false);
    } else {
      await reported(site, /component configuration: .*viewers\.max/);
      await nucleus.deploy({ component: COMPONENT, reset: ['/cameras/front/viewers', '/metrics/often'] });
      await reported(site, /^(?!.*faults)/);
    }
    await page.waitForFrames(viewer, small.fps);
  });

  test('a nucleus that is restarted starts the agent anew, and its viewers come back', async (t) => {
    const { runner, nucleus } = site;
    const { clientId = '' } = await page.status(viewer);
    const startedAt = performance.now();
    await nucleus.restart();
    await site.masterConnected('front', 2);
    await runner.until((each) => each.exitCodes.length === 1 && isRunning(each), 15_000);
    assert.deepEqual(runner.exitCodes, [1]);
    await page.waitForReturn(viewer, clientId);
    t.diagnostic(
      `restart of the nucleus to a picture again: ${Math.round(performance.now() - startedAt)} ms`,
    );
    await page.waitForFrames(viewer, small.fps, await page.figures(viewer));
    assert.equal(runner.history.includes('BROKEN'), false);
  });

  if (personality === 'classic')
    test('an update waits for the last viewer to leave', async () => {
      const { lifecycle, ipc, configs } = site.nucleus;
      const applied = reported(site, /^(?!.*faults)/);
      await ipc.until(() => lifecycle.hasSubscriber(COMPONENT));
      const merge = { log: { level: 'debug' } };
      const deployed = site.nucleus.deploy({ component: COMPONENT, merge });
      await ipc.until(
        () => lifecycle.deferrals.filter(({ recheckAfterMs }) => recheckAfterMs > 0).length >= 2,
      );
      assert.match(lifecycle.deferrals[0]?.message ?? '', /watching/);
      assert.notDeepEqual(configs.of(COMPONENT)?.log, merge.log);
      await page.waitForFrames(viewer, 5);
      await page.close(viewer);
      assert.equal((await deployed).status, 'SUCCEEDED');
      assert.equal(lifecycle.deferrals.at(-1)?.recheckAfterMs, 0);
      assert.deepEqual(configs.of(COMPONENT)?.log, merge.log);
      await applied;
      ({ id: viewer } = await page.play('front'));
    });

  test('stops within 4 s while it is watched, its children and its viewers told', async (t) => {
    const { runner } = site;
    const startedAt = performance.now();
    assert.equal(await runner.stop(), false, 'something had to be killed');
    const tookMs = performance.now() - startedAt;
    t.diagnostic(`stopped in ${Math.round(tookMs)} ms`);
    assert.ok(tookMs < STOP_MS);
    assert.deepEqual(runner.exitCodes, [1, 0]);
    await page.waitFor(viewer, ['failed', 'connecting'], GOODBYE_MS);
  });
}

/** Resolves when what the agent reports of its configuration, as JSON, is like this. */
function reported({ cloud, thingName }: ComponentSite, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      const document = cloud.iot.shadows.get(thingName, 'kvs-webrtc') ?? {};
      const state: { reported?: unknown } = Object(Object(document).state);
      if (state.reported === undefined || !pattern.test(JSON.stringify(state.reported))) return;
      stop();
      resolve();
    };
    const stop = cloud.events.listen(look);
    look();
  });
}
