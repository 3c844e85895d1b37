import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite, type Site } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';
import { snapshotInPage, type PageSnapshot } from './support/snapshot.ts';

declare const kvs: {
  tile(id: string): {
    viewer: { control: { methods: string[]; request(method: string, params?: object): Promise<object> } };
  };
};

describe('the control channel', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;
  let id: string;

  before(async () => {
    browser = await launchBrowser();
    site = await startSite({ cameras: { front: { source: { type: 'test' } } } });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
    ({ id } = await page.play('front'));
    await page.page.waitForFunction((viewer) => kvs.tile(viewer).viewer.control.methods.length > 0, id);
  });
  after(async () => {
    await browser.close();
    await site.close();
  });

  function request(method: string, params?: object): Promise<object> {
    return page.page.evaluate(
      ([viewer, name, values]) => kvs.tile(viewer).viewer.control.request(name, values),
      [id, method, params] as const,
    );
  }

  function snapshot(params: object): Promise<PageSnapshot> {
    return page.page.evaluate(snapshotInPage, [id, params, '/frame-strip.js'] as const);
  }

  test('a snapshot is the live picture, in the size asked for', async (t) => {
    await page.waitForFrames(id, 45);
    const whole = await snapshot({});
    t.diagnostic(JSON.stringify(whole));
    assert.deepEqual([whole.type, whole.width, whole.height], ['image/jpeg', 1280, 720]);
    // Newer than what the browser shows, which is behind by its jitter buffer.
    assert.ok(whole.frame >= whole.shownFrame - 3, `${whole.frame}, shown was ${whole.shownFrame}`);
    assert.ok(whole.ageMs < 500, `${whole.ageMs} ms old`);
    const small = await snapshot({ width: 320, quality: 30 });
    assert.deepEqual([small.width, small.height], [320, 180]);
    assert.ok(small.bytes < whole.bytes / 3);
    await assert.rejects(snapshot({ width: -1 }), /width: an even number/);
  });

  test('pause stops the picture, resume brings it back', async () => {
    await request('pause');
    const paused = await page.figures(id);
    assert.deepEqual(await request('renditions'), {
      renditions: [{ name: 'high', width: 1280, height: 720, fps: 30, bitrateKbps: 2500 }],
      shown: 'high',
      chosen: 'auto',
    });
    const later = await page.figures(id);
    assert.ok(later.video.framesReceived - paused.video.framesReceived < 5);
    await request('resume');
    await page.waitForFrames(id, 30);
    assert.ok(JSON.stringify(await request('statistics')).includes('"kind":"video"'));
  });

  test('what is not permitted is refused', async () => {
    await assert.rejects(request('command', { name: 'light' }), /unknown|not-allowed|one of/);
  });
});
