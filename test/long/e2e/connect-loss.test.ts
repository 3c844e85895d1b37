import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../../e2e/support/browser.ts';
import { endsOf, FPS, startRemoteDevice, type RemoteDevice } from '../../e2e/support/remote-device.ts';

const OUTAGE_MS = 10_000;
const JOINS = 20;
const LOSS_PERCENT = 10;
const MAX_P90_MS = 1_500;

describe('bad networks', () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  function start(t: TestContext): Promise<RemoteDevice> {
    return startRemoteDevice(
      browser,
      {},
      () => ({}),
      (close) => t.after(close),
    );
  }

  test('an outage of 10 s heals', async (t) => {
    const { page, lab, site } = await start(t);
    const { id, status } = await page.play('front');
    await page.waitForFrames(id, FPS);
    lab.filter('drop');
    // The time itself is what is tested.
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    const figures = await page.figures(id);
    lab.filter();
    const backAt = performance.now();
    await page.waitForFrames(id, 2 * FPS, figures);
    t.diagnostic(`${2 * FPS} pictures within ${Math.round(performance.now() - backAt)} ms of its end`);
    assert.deepEqual(endsOf(site, status), []);
  });

  /** Lost at the router, where neither end is told of it, of all protocols and both ways: signaling too. */
  test(`${LOSS_PERCENT} % of all packets lost: each of ${JOINS} joins has its picture, nine of ten within 1.5 s`, async (t) => {
    const { page, lab } = await start(t);
    lab.lose(LOSS_PERCENT);
    const times: number[] = [];
    for (let i = 0; i < JOINS; i += 1) {
      const { id, status } = await page.play('front');
      times.push(status.firstFrameMs ?? Infinity);
      await page.close(id);
    }
    const sorted = times.toSorted((a, b) => a - b).map(Math.round);
    t.diagnostic(`first frame, ms: ${sorted.join(' ')}`);
    const p90 = sorted[Math.ceil(0.9 * JOINS) - 1] ?? Infinity;
    assert.ok(p90 <= MAX_P90_MS, `p90 ${p90} ms`);
  });
});
