import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite, type Site, type SiteOptions } from '../../cloud/site.ts';
import { NetworkLab, type LabOptions } from '../../support/network-lab.ts';
import {
  launchBrowser,
  openViewerPage,
  type ViewerPage,
  type ViewerStatus,
} from '../../e2e/support/browser.ts';

const FPS = 15;
const OUTAGE_MS = 10_000;
const CLOUD_NAME = 'cloud.test';
/** Small pictures: this is about ways through networks. */
const camera = {
  source: { type: 'test' },
  prewarm: true,
  video: { renditions: { high: { width: 320, height: 180, fps: FPS, bitrateKbps: 300 } } },
};

/** A device in a network of its own: its agent in a network namespace, cloud and browser on this machine. */
describe('networks', () => {
  let browser: Browser;
  let lab: NetworkLab | undefined;
  let site: Site | undefined;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());
  afterEach(async () => {
    await site?.close();
    lab?.close();
    site = undefined;
    lab = undefined;
  });

  async function start(
    network: LabOptions,
    options: Partial<SiteOptions> = {},
  ): Promise<{ lab: NetworkLab; site: Site; page: ViewerPage }> {
    lab = NetworkLab.create({ ...network, hostName: CLOUD_NAME });
    const address = network.ipv4 === false ? lab.hostIpv6 : lab.hostIpv4;
    site = await startSite({
      cameras: { front: camera },
      launcher: lab.launcher,
      ...options,
      cloud: { host: { name: CLOUD_NAME, address }, ...options.cloud },
    });
    await site.masterConnected();
    return { lab, site, page: await openViewerPage(browser, site.console.url) };
  }

  test('a device with IPv4 and IPv6', async () => {
    const { page } = await start({ ipv4: true, ipv6: true });
    const { id } = await page.play('front');
    await page.waitForFrames(id, 15);
  });

  test('a device with IPv6 only', async () => {
    const { page, site: running } = await start({ ipv4: false, ipv6: true });
    const { id, status } = await page.play('front');
    await page.waitForFrames(id, 15);
    assert.match(await routeOf(running, status), /fd12:/);
  });

  test('a network that lets only TCP out: through the relay, by TLS', async (t) => {
    const { page, lab: network, site: running } = await start({}, { cloud: { turn: true } });
    network.filter('meta l4proto udp drop');
    const { id, status } = await page.play('front');
    t.diagnostic(`first frame after ${Math.round(status.firstFrameMs ?? 0)} ms`);
    await page.waitForFrames(id, 15);
    assert.match(await routeOf(running, status), /"type":"relay"/);
  });

  test('the device changes its address in mid-call: the same session goes on', async (t) => {
    const { page, lab: network, site: running } = await start({});
    const { id, status } = await page.play('front');
    await page.waitForFrames(id, 15);
    const changedAt = performance.now();
    network.changeAddress();
    const figures = await page.figures(id);
    await page.waitForFrames(id, 3 * FPS, figures);
    t.diagnostic(`${3 * FPS} pictures within ${Math.round(performance.now() - changedAt)} ms of the change`);
    assert.deepEqual(endsOf(running, status), []);
  });

  test('an outage of 10 s heals', async (t) => {
    const { page, lab: network, site: running } = await start({});
    const { id, status } = await page.play('front');
    await page.waitForFrames(id, 15);
    network.filter('drop');
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
    const figures = await page.figures(id);
    network.filter();
    const backAt = performance.now();
    await page.waitForFrames(id, 2 * FPS, figures);
    t.diagnostic(`${2 * FPS} pictures within ${Math.round(performance.now() - backAt)} ms of its end`);
    assert.deepEqual(endsOf(running, status), []);
  });

  test('a tenth of all packets lost: every one of 20 joins has its picture, nine of ten within 1.5 s', async (t) => {
    const { page, lab: network } = await start({});
    network.lose(10);
    const times: number[] = [];
    for (let i = 0; i < 20; i += 1) {
      const { id, status } = await page.play('front');
      times.push(status.firstFrameMs ?? Infinity);
      await page.close(id);
    }
    const sorted = times.toSorted((a, b) => a - b).map(Math.round);
    t.diagnostic(`first frame, ms: ${sorted.join(' ')}`);
    assert.ok((sorted[17] ?? Infinity) <= 1_500, `p90 ${sorted[17]} ms`);
  });
});

/** The route that the agent logged for a viewer. */
async function routeOf({ agent }: Site, { clientId }: ViewerStatus): Promise<string> {
  const line = await agent.waitForLog(
    'viewer connected',
    ({ msg, details }) => msg === 'viewer connected' && details['clientId'] === clientId,
  );
  return JSON.stringify(line.details['route']);
}

/** Why the viewer's session ended; empty while it lives. */
function endsOf({ agent }: Site, { clientId }: ViewerStatus): unknown[] {
  return agent.logs
    .filter(({ msg, details }) => msg === 'viewer session ended' && details['clientId'] === clientId)
    .map(({ details }) => details['end']);
}
