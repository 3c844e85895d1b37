import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite, type Site } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';
import {
  CHANNEL_MODES,
  echoInPage,
  hasChannel,
  openAndKeepChannels,
  type ChannelMode,
  type Echo,
} from './support/echo.ts';

const SIZES = [0, 1, 1_200, 16_384, 65_536];
/** What we announce. Four of them at once are all that the agent keeps for a viewer, so they go one after the other. */
const LARGEST = 262_144;

function whole(modes: ChannelMode[], sizes: number[]): Echo[] {
  return modes.flatMap((mode) =>
    sizes.flatMap((size) => ['text', 'bytes'].map((kind) => ({ mode, size, kind, isSame: true }))),
  );
}

describe('data channels', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;

  before(async () => {
    browser = await launchBrowser();
    const video = { renditions: { high: { width: 320, height: 180, fps: 15, bitrateKbps: 300 } } };
    site = await startSite({
      cameras: {
        front: {
          source: { type: 'test' },
          video,
          dataChannel: { echo: true, open: ['from-device', 'control'] },
        },
      },
    });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
  });
  after(async () => {
    await browser.close();
    await site.close();
  });

  test('text and bytes of all sizes come back as they were, in all modes, beside the picture', async () => {
    const { id } = await page.play('front');
    const echo = (modes: ChannelMode[], sizes: number[]): Promise<Echo[]> =>
      page.page.evaluate(echoInPage, [id, modes, sizes] as const);
    assert.deepEqual(await echo(CHANNEL_MODES, SIZES), whole(CHANNEL_MODES, SIZES));
    for (const mode of CHANNEL_MODES)
      assert.deepEqual(await echo([mode], [LARGEST]), whole([mode], [LARGEST]));
    const start = await page.figures(id);
    await page.waitForFrames(id, 15, start);
    assert.equal((await page.figures(id)).video.packetsLost, 0);
    await page.close(id);
  });

  test('channels that the device opens carry text and bytes both ways', async () => {
    const id = await page.page.evaluate(openAndKeepChannels, 'front');
    const label = 'from-device';
    await page.page.waitForFunction(hasChannel, [id, label] as const);
    const modes = [{ fromDevice: label }];
    const sizes = [...SIZES, LARGEST];
    const echoes = await page.page.evaluate(echoInPage, [id, modes, sizes] as const);
    assert.deepEqual(echoes, whole(modes, sizes));
    assert.ok(await page.page.evaluate(hasChannel, [id, 'control'] as const));
    await page.close(id);
  });
});
