import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { LogLine } from '../cloud/agent-process.ts';
import { startSite, type Site } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';

const SCREENSHOTS = join(import.meta.dirname, '../output/console');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const high = { width: 640, height: 360, fps: 25, bitrateKbps: 600 };
const camera = {
  source: { type: 'test' },
  video: { renditions: { high } },
  dataChannel: { echo: true },
  control: { allowed: ['view', 'snapshot', 'command', 'talk'] },
  talk: { enabled: true, command: ['cat'] },
};
/** It says what it was asked for. */
const actions = { ptz: { command: ['cat'] }, light: { command: ['echo', '"on"'] } };
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };

const isMove = ({ msg, details }: LogLine) => msg === 'action' && details['action'] === 'ptz';

/** axe.run in the page. */
interface AxeViolation {
  id: string;
  impact: string;
  nodes: { html: string }[];
}
declare const axe: { run: () => Promise<{ violations: AxeViolation[] }> };

describe('the console', () => {
  let site: Site;
  let browser: Browser;
  let viewer: ViewerPage;
  /** Of the console's server, which runs in this process. */
  const rejections: unknown[] = [];
  const rejected = (reason: unknown) => rejections.push(reason);

  before(async () => {
    process.on('unhandledRejection', rejected);
    mkdirSync(SCREENSHOTS, { recursive: true });
    [browser, site] = await Promise.all([
      launchBrowser(),
      startSite({
        cameras: { front: camera, garden: camera },
        settings: { metrics: { intervalSeconds: 1 }, actions },
        cloud: { iotCore: true },
      }),
    ]);
    await site.masterConnected();
    viewer = await openViewerPage(browser, site.console.url, '');
  });

  after(async () => {
    await browser?.close();
    await site?.close();
    process.off('unhandledRejection', rejected);
    assert.deepEqual(rejections, []);
    assert.deepEqual(viewer.errors, []);
    assert.equal(site.agent.stderr, '');
  });

  /** Every look of what is shown now: pictures for a person, and no serious finding of axe. */
  async function inspect(name: string): Promise<void> {
    const { page } = viewer;
    for (const scheme of ['light', 'dark'] as const) {
      for (const [device, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
        await page.emulateMedia({ colorScheme: scheme });
        await page.setViewportSize(viewport);
        await page.screenshot({ path: join(SCREENSHOTS, `${name}-${device}-${scheme}.png`) });
        assert.deepEqual(await seriousFindings(), [], `${name}, ${device}, ${scheme}`);
        const overflow = Number(
          await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
        );
        assert.ok(overflow <= 0, `${name} on a ${device} is ${overflow} pixels too wide`);
        assert.deepEqual(await cutFigures(), [], `${name} on a ${device}`);
      }
    }
    await page.setViewportSize(DESKTOP);
  }

  /** Main figures that do not fit their place. */
  function cutFigures(): Promise<string[]> {
    return viewer.page
      .locator('.figures dd:first-of-type:visible')
      .evaluateAll((all) =>
        all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent),
      );
  }

  async function seriousFindings(): Promise<string[]> {
    await viewer.page.evaluate(AXE);
    const { violations } = await viewer.page.evaluate(() => axe.run());
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  }

  test('shows every camera live, with what is measured', async () => {
    const { page } = viewer;
    for (const name of ['front', 'garden']) {
      await viewer.waitFor(name, ['playing']);
      const tile = page.getByRole('article', { name: `Camera ${name}` });
      await tile
        .getByText(/^\d+ ms$/)
        .first()
        .waitFor();
      await tile.getByText(/^[1-9]\d+ kbps$/).waitFor();
    }
    await page.getByText('2 cameras, 2 online').waitFor();
    await inspect('wall');
  });

  /** Those of the camera's page, with pointer and keys. */
  async function useControls(): Promise<void> {
    const { page } = viewer;
    const outcome = page.getByRole('region', { name: 'One camera' }).getByRole('status');
    await page.getByRole('button', { name: 'Hold to talk' }).waitFor();
    await page.getByRole('button', { name: 'Snapshot' }).click();
    const picture = page.getByRole('img', { name: 'Snapshot of camera front' });
    await picture.waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Save' }).click(),
    ]);
    assert.equal(readFileSync(await download.path()).readUInt16BE(0), 0xffd8);
    await page.getByRole('combobox', { name: 'Rendition' }).selectOption('high');
    await page.getByText('high is shown').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused: the camera sends this page nothing.').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('textbox', { name: 'Message' }).fill('good day');
    await page.keyboard.press('Enter');
    await page.getByRole('log', { name: 'Messages' }).getByText('← good day').waitFor();
    await page.getByRole('combobox', { name: 'Action' }).selectOption('light');
    await page.getByRole('button', { name: 'Run' }).click();
    await outcome.getByText('light: "on"').waitFor();
    await page.getByRole('button', { name: 'Zoom in' }).press('Enter');
    await site.agent.waitForLog('PTZ', isMove);
  }

  test("shows a camera's own page, and leads back", async () => {
    const { page } = viewer;
    await page.getByRole('link', { name: 'Details of camera front' }).click();
    await page.getByRole('heading', { name: 'From offer to picture' }).waitFor();
    await page.getByRole('region', { name: 'One camera' }).getByText('streaming', { exact: true }).waitFor();
    assert.equal(await page.locator('.chart canvas').count(), 4);
    assert.equal(await page.getByRole('article').count(), 1);
    // A video that changed its place must not have stopped.
    await viewer.waitForFrames('front', 10);
    await useControls();
    await inspect('camera');
    await page.getByRole('link', { name: 'Cameras', exact: true }).click();
    await viewer.waitForFrames('garden', 10);
  });

  test('changes the picture through the shadow', async () => {
    const { page } = viewer;
    await page.getByRole('link', { name: 'Shadow' }).click();
    await page.getByRole('button', { name: 'Half size' }).click();
    const text = page.getByRole('textbox', { name: 'Desired' });
    const edited = (await text.inputValue()).replace('640', '320').replace('360', '180');
    await text.fill(edited);
    await page.keyboard.press('Control+s');
    await viewer.waitForWidth('front', 320);
    await page.getByText(/^Version \d+: applied$/).waitFor();
    await inspect('shadow');
  });

  test('shows the faults of a refused document in their place, and what a key means', async () => {
    const { page } = viewer;
    const text = page.getByRole('textbox', { name: 'Desired' });
    const desired = { cameras: { front: { viewers: { max: 99 } } } };
    await text.fill(JSON.stringify(desired, undefined, 2));
    await page.getByText('cameras.<name>.viewers.max: Viewers served at once.').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    const fault = page.getByRole('button', { name: /^Line 5: cameras\.front\.viewers\.max/ });
    await fault.click();
    assert.equal(await page.evaluate('String(getSelection())'), '"max":');
    await page.getByText(/refused; version \d+ goes on/).waitFor();
    await text.fill('{');
    await page.getByText(/no JSON yet/).waitFor();
    await text.fill('{}');
    await page.getByRole('button', { name: 'Save' }).click();
    await viewer.waitForWidth('front', 640);
  });

  test('breaks things, and shows how the agent heals', async () => {
    const { page } = viewer;
    await page.getByRole('link', { name: 'Cameras', exact: true }).click();
    await page.getByRole('button', { name: 'Break it' }).click();
    const panel = page.getByRole('complementary', { name: 'Break it' });
    await panel.getByRole('button', { name: /^Drop signaling/ }).click();
    await panel.getByText('connected as master').first().waitFor();
    await panel.getByRole('button', { name: /^Kill the camera/ }).click();
    await panel.getByText('Done: Kill the camera.').waitFor();
    await viewer.waitForFrames('front', 30);
    await inspect('break-it');
    await panel.getByRole('button', { name: 'Close' }).click();
  });

  test('lists metrics and events as they arrive', async () => {
    const { page } = viewer;
    await page.getByRole('link', { name: 'Activity' }).click();
    const activity = page.getByRole('region', { name: 'Activity' });
    const joined = activity.getByText(/viewer page-\S+ joined front/);
    const sessions = activity.getByRole('button', { name: 'Sessions' });
    await activity.getByText('agentCpuTime').waitFor();
    await joined.first().waitFor();
    await sessions.click();
    assert.equal(await joined.count(), 0);
    await sessions.click();
    await inspect('activity');
  });

  test('works with the keyboard alone', async () => {
    const { page } = viewer;
    await page.goto(`${site.console.url}?play=0#/`);
    await page.keyboard.press('Tab');
    await page.getByRole('link', { name: 'Skip to the cameras' }).waitFor();
    for (const name of ['Cameras', 'Shadow', 'Activity']) {
      await page.keyboard.press('Tab');
      const focused: unknown = await page.evaluate('document.activeElement.textContent');
      assert.equal(focused, name);
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Events' }).waitFor();
  });

  test('says at once when the agent has ended', async () => {
    const { page } = viewer;
    await page.goto(`${site.console.url}#/`);
    await page.reload();
    await viewer.waitFor('front', ['playing']);
    const killedAt = performance.now();
    process.kill(site.agent.pid, 'SIGKILL');
    await page.getByText('the agent has ended (SIGKILL)').first().waitFor();
    const saidMs = performance.now() - killedAt;
    assert.ok(saidMs < 2000, `${saidMs} ms`);
  });

  test("lets no other site's page in", async () => {
    const address = `${site.console.url}api/mishaps/drop-signaling`;
    const post = (headers: Record<string, string>) => fetch(address, { method: 'POST', headers });
    assert.equal((await post({ origin: 'https://example.com' })).status, 403);
    assert.equal((await post({ origin: 'null' })).status, 403);
    assert.equal((await post({})).status, 200);
  });
});
