import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite, type Site } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';

const FPS = 15;
const WAYS = ['udp', 'tcp', 'tls'] as const;
const camera = {
  source: { type: 'test' },
  ice: { transportPolicy: 'relay' },
  video: { renditions: { high: { width: 320, height: 180, fps: FPS, bitrateKbps: 300 } } },
};

/** All of a relayed camera's candidates are the relay's. Each camera fetches its servers once, for their life: so there is one camera for each way to the relay. */
describe('relayed viewers', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;
  before(async () => {
    browser = await launchBrowser();
    site = await startSite({ cameras: { udp: camera, tcp: camera, tls: camera }, cloud: { turn: true } });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
  });
  after(async () => {
    await browser.close();
    await site.close();
  });

  for (const way of WAYS)
    test(`by ${way}`, async (t) => {
      const { turn } = site.cloud;
      const all = turn.iceServers(300);
      const uri = {
        udp: `turn:127.0.0.1:${turn.port}?transport=udp`,
        tcp: `turn:127.0.0.1:${turn.port}?transport=tcp`,
        tls: `turns:127.0.0.1:${turn.tlsPort}?transport=tcp`,
      }[way];
      // The page asks first and may use any; the agent asks when the offer comes.
      const only = all.map((server) => ({ ...server, Uris: [uri] }));
      const answers = [all];
      turn.iceServers = () => answers.pop() ?? only;
      const { id, status } = await page.play(way);
      t.diagnostic(`first frame after ${Math.round(status.firstFrameMs ?? 0)} ms`);
      await page.waitForFrames(id, FPS);
      const { details } = await site.agent.waitForLog(
        'viewer connected',
        ({ msg, details: { clientId } }) => msg === 'viewer connected' && clientId === status.clientId,
      );
      assert.match(JSON.stringify(details['route']), /"local":\{"type":"relay"/);
      await page.close(id);
    });

  test('the page reports no error', () => {
    assert.deepEqual(page.errors, []);
  });
});
