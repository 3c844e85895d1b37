import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { LogLine } from '../cloud/agent-process.ts';
import { startSite, type Site } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';

const source = { type: 'test' };
/** Small pictures: this is about places, and browser, encoder and agent share the machine. */
const small = { width: 320, height: 180, fps: 15, bitrateKbps: 300 };
const tiny = { width: 160, height: 120, fps: 5, bitrateKbps: 100 };

const CLOSE_MS = 1000;
/** RFC 7675 section 5.1: consent lasts 30 s; a little for what comes after. */
const KILL_MS = 31_000;

describe('viewers', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;
  /** Resolves with the milliseconds it took. */
  let placeOfTheDead: Promise<number>;

  before(async () => {
    browser = await launchBrowser();
    site = await startSite({
      cameras: {
        front: { source, video: { renditions: { high: small } } },
        garden: { source, video: { renditions: { high: small } } },
        narrow: { source, video: { renditions: { high: tiny } }, viewers: { max: 1 } },
        left: { source, video: { renditions: { high: tiny } }, viewers: { max: 1 } },
        crowded: { source, video: { renditions: { high: tiny } }, viewers: { max: 10 } },
      },
      // The service's own limit must not be what refuses the eleventh.
      cloud: { limits: { maxViewers: 20 } },
    });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
  });
  after(async () => {
    await browser.close();
    await site.close();
  });

  function sessionEnded(clientId: string | undefined, timeoutMs: number): Promise<LogLine> {
    return site.agent.waitForLog(
      `viewer session ended, clientId ${clientId}`,
      ({ msg, details }) => msg === 'viewer session ended' && details['clientId'] === clientId,
      timeoutMs,
    );
  }

  test('a viewer dies without a word', async () => {
    const own = await openViewerPage(browser, site.console.url);
    const { status } = await own.play('left');
    const killedAt = performance.now();
    // The renderer, in which the peer connection lives, ends at once; so the navigation fails.
    await own.page.goto('chrome://crash').catch(() => undefined);
    placeOfTheDead = sessionEnded(status.clientId, KILL_MS).then(() => performance.now() - killedAt);
    // That it fails is told where it is waited for: after the tests that pass the time.
    placeOfTheDead.catch(() => undefined);
    await own.page.context().close();
  });

  test('three watch one camera and one another, at once', async () => {
    const cameras = ['front', 'front', 'front', 'garden'];
    const viewers = await Promise.all(cameras.map((camera) => page.play(camera)));
    await Promise.all(viewers.map(({ id }) => page.waitForFrames(id, 3 * small.fps)));
    for (const { id } of viewers) {
      const { video, audio } = await page.figures(id);
      assert.equal(video.codec, 'H264', id);
      assert.equal(video.packetsLost + audio.packetsLost, 0, id);
      assert.ok(video.framesDecoded >= 0.99 * (video.framesReceived - 1), JSON.stringify(video));
      await page.close(id);
    }
  });

  test('a page that is loaded again has its picture again', async () => {
    const own = await openViewerPage(browser, site.console.url, '?camera=front');
    await own.waitFor('front', ['playing']);
    const first = await own.status('front');
    await own.page.reload();
    await own.page.waitForFunction(() => 'kvs' in globalThis);
    const second = await own.waitFor('front', ['playing']);
    assert.notEqual(second.clientId, first.clientId);
    await own.waitForFrames('front', small.fps);
    await own.page.context().close();
  });

  test('close() frees the place within a second', async (t) => {
    const { id, status } = await page.play('narrow');
    const refused = await page.open('narrow');
    assert.equal((await page.waitFor(refused, ['refused', 'playing'])).state, 'refused');

    const closedAt = performance.now();
    await page.close(id);
    const { details } = await sessionEnded(status.clientId, CLOSE_MS);
    t.diagnostic(`place free ${Math.round(performance.now() - closedAt)} ms after close()`);
    assert.equal(details['end'], 'closed-by-viewer');
    const next = await page.play('narrow');
    await page.close(next.id);
  });

  test('the eleventh viewer is refused, the ten go on', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 10; count++) ids.push((await page.play('crowded')).id);

    const eleventh = await page.open('crowded');
    const { state, reason, clientId } = await page.waitFor(eleventh, ['refused', 'playing', 'failed']);
    assert.equal(state, 'refused');
    assert.equal(reason, 'this camera has no free place');
    const line = await site.agent.waitForLog(
      `viewer refused, clientId ${clientId}`,
      ({ msg, details }) => msg === 'viewer refused' && details['clientId'] === clientId,
    );
    assert.match(String(line.details['reason']), /10/);

    await Promise.all(ids.map((id) => page.waitForFrames(id, tiny.fps)));
    for (const id of ids) await page.close(id);
  });

  test('the place of the viewer that died is free within 30 s', async (t) => {
    t.diagnostic(`place free ${((await placeOfTheDead) / 1000).toFixed(1)} s after the kill`);
    const next = await page.play('left');
    await page.close(next.id);
  });

  test('the page reports no error', () => {
    assert.deepEqual(page.errors, []);
  });
});
