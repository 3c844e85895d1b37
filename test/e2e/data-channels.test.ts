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

/** Chromium cuts messages at its own packet size; 256 KiB is what we announce. */
const SIZES = [0, 1, 1_200, 16_384, 65_536, 262_144];

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
    const echoes: Echo[] = await page.page.evaluate(echoInPage, [id, CHANNEL_MODES, SIZES] as const);
    assert.deepEqual(
      echoes,
      CHANNEL_MODES.flatMap((mode) =>
        SIZES.flatMap((size) => ['text', 'bytes'].map((kind) => ({ mode, size, kind, isSame: true }))),
      ),
    );
    const start = await page.figures(id);
    await page.waitForFrames(id, 15, start);
    assert.equal((await page.figures(id)).video.packetsLost, 0);
    await page.close(id);
  });

  test('channels that the device opens carry text and bytes both ways', async () => {
    const id = await page.page.evaluate(openAndKeepChannels, 'front');
    const label = 'from-device';
    await page.page.waitForFunction(hasChannel, [id, label] as const);
    const mode = { fromDevice: label };
    const echoes = await page.page.evaluate(echoInPage, [id, [mode], SIZES] as readonly [
      string,
      ChannelMode[],
      number[],
    ]);
    assert.deepEqual(
      echoes,
      SIZES.flatMap((size) => ['text', 'bytes'].map((kind) => ({ mode, size, kind, isSame: true }))),
    );
    assert.ok(await page.page.evaluate(hasChannel, [id, 'control'] as const));
    await page.close(id);
  });
});
