import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { LogLine } from '../../cloud/agent-process.ts';
import { startSite, type Site } from '../../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from '../../e2e/support/browser.ts';

const high = { width: 640, height: 360, fps: 25, bitrateKbps: 600 };
const camera = { source: { type: 'test' }, video: { renditions: { high } } };
/** The cloud is away for 20 s; the step of the agent's backoff that is then under way may last a minute. */
const HEALED_MS = 85_000;
/** Its backoff has grown by then: until it has been connected for a minute, each further failure may cost a minute, and there are several in what follows. */
const LONG_OUTAGE = 'Cloud away';
const AT_REST_MS = 70_000;

const isMaster = ({ msg }: LogLine) => msg === 'connected as master';
const hasRecovered = ({ msg, details }: LogLine) => msg === 'recovered' && details['part'] === 'signaling';
const streamsAgain = ({ msg, details }: LogLine) => msg === 'camera' && details['to'] === 'streaming';

/** By the button's name: the line of the agent's log that says it has healed; undefined: only the viewer notices. */
const HEALED: Record<string, ((line: LogLine) => boolean) | undefined> = {
  'Drop signaling': isMaster,
  'Cloud away': isMaster,
  'Expire credentials': isMaster,
  Throttle: isMaster,
  'Lose 5 %': undefined,
  'Stall the camera': streamsAgain,
  'Kill the camera': streamsAgain,
};

/** Needs root, for the lost packets. */
describe('every button of "Break it"', () => {
  let site: Site;
  let browser: Browser;
  let viewer: ViewerPage;

  before(async () => {
    [browser, site] = await Promise.all([
      launchBrowser(),
      startSite({ cameras: { front: camera }, cloud: { iotCore: true } }),
    ]);
    await site.masterConnected();
    viewer = await openViewerPage(browser, site.console.url, '');
    await viewer.waitFor('front', ['playing']);
    await viewer.page.getByRole('button', { name: 'Break it' }).click();
  });

  after(async () => {
    await browser?.close();
    await site?.close();
    assert.deepEqual(viewer.errors, []);
  });

  test('is known to this test', async () => {
    const buttons = viewer.page.locator('.mishap-buttons strong');
    const titles = await buttons.allTextContents();
    const known = Object.keys(HEALED);
    assert.deepEqual(
      titles.map((title) => known.find((name) => title.startsWith(name)) ?? title),
      known,
    );
  });

  for (const [name, isHealed] of Object.entries(HEALED)) {
    test(`${name}: the agent heals, the viewer stays`, async () => {
      const { page } = viewer;
      const { clientId } = await viewer.status('front');
      const told = site.agent.logs.length;
      await page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
      await page.getByText(new RegExp(`^Done: ${name}`)).waitFor();
      if (isHealed) {
        const isNew = (line: LogLine) => site.agent.logs.indexOf(line) >= told;
        const isNewlyHealed = (line: LogLine) => isNew(line) && isHealed(line);
        await site.agent.waitForLog(`healed after ${name}`, isNewlyHealed, HEALED_MS);
        const isAtRest = (line: LogLine) => isNew(line) && hasRecovered(line);
        if (name === LONG_OUTAGE) await site.agent.waitForLog('recovered', isAtRest, AT_REST_MS);
      } else {
        await page.getByText(/^([1-9]\d*\.\d|0\.[1-9]) %$/).waitFor();
      }
      await viewer.waitForFrames('front', 50);
      const { state, clientId: present } = await viewer.status('front');
      assert.deepEqual([state, present], ['playing', clientId]);
    });
  }
});
