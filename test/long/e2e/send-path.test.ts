import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite, type Site } from '../../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from '../../e2e/support/browser.ts';

const source = { type: 'test' };
const small = { width: 320, height: 180, fps: 15, bitrateKbps: 300 };
const renditions = { high: small };
const SECONDS = 4;

const CASES = [
  {
    camera: 'aes-cm',
    config: {},
    video: 'H264',
    audio: 'opus',
    srtp: 'SRTP_AES128_CM_HMAC_SHA1_80',
  },
  {
    camera: 'aes-gcm',
    config: { srtp: { preferGcm: true } },
    video: 'H264',
    audio: 'opus',
    srtp: 'SRTP_AEAD_AES_128_GCM',
  },
  {
    camera: 'vp8',
    config: { video: { codec: 'vp8', renditions } },
    video: 'VP8',
    audio: 'opus',
    srtp: 'SRTP_AES128_CM_HMAC_SHA1_80',
  },
  {
    camera: 'pcmu',
    config: { audio: { codec: 'pcmu' } },
    video: 'H264',
    audio: 'PCMU',
    srtp: 'SRTP_AES128_CM_HMAC_SHA1_80',
  },
  {
    camera: 'pcma',
    config: { audio: { codec: 'pcma' } },
    video: 'H264',
    audio: 'PCMA',
    srtp: 'SRTP_AES128_CM_HMAC_SHA1_80',
  },
] as const;

describe('Chromium decodes', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;

  before(async () => {
    browser = await launchBrowser();
    site = await startSite({
      cameras: Object.fromEntries(
        CASES.map(({ camera, config }) => [camera, { source, video: { renditions }, ...config }]),
      ),
    });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
  });
  after(async () => {
    await browser.close();
    await site.close();
  });

  for (const { camera, video, audio, srtp } of CASES) {
    test(`${video} and ${audio} under ${srtp}`, async () => {
      const { id } = await page.play(camera);
      await page.waitForFrames(id, SECONDS * small.fps);
      const figures = await page.figures(id);
      assert.equal(figures.video.codec, video);
      assert.equal(figures.audio.codec, audio);
      assert.equal(figures.video.packetsLost + figures.audio.packetsLost, 0);
      assert.equal(figures.video.freezeCount, 0);
      assert.ok(
        figures.audio.packetsReceived > SECONDS * 40,
        `${figures.audio.packetsReceived} audio packets`,
      );
      assert.equal(await srtpCipher(page, id), srtp);
      await page.close(id);
    });
  }
});

interface TransportStats {
  type: string;
  srtpCipher?: string;
}
declare const kvs: {
  tile(id: string): { viewer: { peer: { getStats(): Promise<Iterable<[string, TransportStats]>> } } };
};

/** What DTLS agreed on, in the browser's words. */
function srtpCipher(page: ViewerPage, id: string): Promise<string | undefined> {
  return page.page.evaluate(async (viewer) => {
    const stats = new Map(await kvs.tile(viewer).viewer.peer.getStats());
    return [...stats.values()].find(({ type }) => type === 'transport')?.srtpCipher;
  }, id);
}
