import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { isObject, valueAt } from '../../src/config/layers.ts';
import { startSite, type Site } from '../cloud/site.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';
import { frameNumbers, gaps, recordDuring } from './support/recording.ts';

const small = { width: 320, height: 180, fps: 15, bitrateKbps: 300 };
const RENDITION_MS = 1500;
const SOURCE_MS = 3000;
const DEVICE_MS = 4000;
/** The real ffmpeg on a machine with a camera at /dev/video0, which opens for one at a time. */
const FFMPEG = join(import.meta.dirname, '../integration/camera/support/ffmpeg-with-devices.sh');

describe('the device shadow configures the agent', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;
  let front: string;
  let garden: string;

  const folder = mkdtempSync(join(tmpdir(), 'kvs-film-'));
  const film = join(folder, 'film.mp4');

  before(async () => {
    const make = '-v error -f lavfi -i testsrc=size=480x270:rate=15:duration=2 -c:v libx264 -pix_fmt yuv420p';
    execFileSync('ffmpeg', [...make.split(' '), film]);
    browser = await launchBrowser();
    site = await startSite({
      cloud: { iotCore: true },
      cameras: {
        front: { source: { type: 'test' }, video: { renditions: { high: small } } },
        garden: { source: { type: 'test' }, video: { renditions: { high: small } } },
        door: { source: { type: 'v4l2', device: '/dev/video0' }, video: { renditions: { high: small } } },
      },
      settings: { sources: { film: { type: 'file', path: film } }, ffmpeg: { path: FFMPEG } },
      environment: { CAMERA_LOCK: join(folder, 'video0.lock') },
    });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url, '?play=0');
    front = (await page.play('front')).id;
    garden = (await page.play('garden')).id;
    await page.waitForFrames(garden, 2 * small.fps);
  });
  after(async () => {
    await browser.close();
    await site.close();
    rmSync(folder, { recursive: true });
  });

  function desire(changes: object, camera = 'front'): Promise<unknown> {
    const state = { desired: { cameras: { [camera]: changes } } };
    return site.cloud.iot.shadows.update('demo-device', 'kvs-webrtc', { state });
  }

  /**
   * Resolves to the milliseconds from a change until the picture of a viewer has this width. A viewer of another camera gets
   * every picture meanwhile, and none late.
   */
  async function besideGarden(
    change: () => Promise<unknown>,
    width: number,
    viewer = front,
  ): Promise<number> {
    let tookMs = Infinity;
    const since = await page.figures(garden);
    const recording = await recordDuring(page, garden, async () => {
      await page.waitForFrames(garden, 1);
      const startedAt = performance.now();
      await change();
      await page.waitForWidth(viewer, width);
      tookMs = performance.now() - startedAt;
      await page.waitForFrames(garden, small.fps);
    });
    const numbers = frameNumbers(recording);
    assert.ok(numbers.length > small.fps, `${numbers.length} pictures of the other camera`);
    assert.deepEqual(gaps(numbers), []);
    const { video } = await page.figures(garden);
    assert.equal(video.packetsLost, since.video.packetsLost);
    assert.equal(video.freezeCount, since.video.freezeCount);
    return tookMs;
  }

  test('another rendition is seen within 1.5 s, the other camera loses nothing', async (t) => {
    const high = { width: 640, height: 360, fps: 15, bitrateKbps: 600 };
    const tookMs = await besideGarden(() => desire({ video: { renditions: { high } } }), 640);
    t.diagnostic(`shadow edit to changed picture: ${Math.round(tookMs)} ms`);
    assert.ok(tookMs <= RENDITION_MS, `${tookMs} ms`);
  });

  test('another source is seen within 3 s, by the viewers that watch', async (t) => {
    const tookMs = await besideGarden(() => desire({ source: { ref: 'film' } }), 480);
    t.diagnostic(`shadow edit to the other source's picture: ${Math.round(tookMs)} ms`);
    assert.ok(tookMs <= SOURCE_MS, `${tookMs} ms`);
  });

  test('a device that has to be reopened is seen again within 4 s', async (t) => {
    const { id } = await page.play('door');
    await page.waitForWidth(id, small.width);
    const high = { ...small, width: 160, height: 90 };
    const tookMs = await besideGarden(() => desire({ video: { renditions: { high } } }, 'door'), 160, id);
    t.diagnostic(`shadow edit to the picture of the reopened device: ${Math.round(tookMs)} ms`);
    assert.ok(tookMs <= DEVICE_MS, `${tookMs} ms`);
    await page.close(id);
  });

  test('a bad document is refused whole, its faults reported, and the picture goes on', async () => {
    await desire({ viewers: { max: 99 }, source: { type: 'command', command: ['sh'], format: 'nut' } });
    const reported = await faultsReported(site);
    assert.match(reported.join('\n'), /viewers\.max/);
    assert.match(reported.join('\n'), /command/);
    await page.waitForFrames(front, small.fps);
  });
});

/** Resolves when the agent has told the shadow what is wrong. */
function faultsReported(site: Site): Promise<string[]> {
  return new Promise((resolve) => {
    const look = () => {
      const faults = reportedFaults(site);
      if (faults.length === 0) return;
      stop();
      resolve(faults);
    };
    const stop = site.cloud.events.listen(look);
    look();
  });
}

function reportedFaults(site: Site): string[] {
  const document = site.cloud.iot.shadows.get('demo-device', 'kvs-webrtc') ?? {};
  const copy: unknown = structuredClone(document);
  const faults = isObject(copy) ? valueAt(copy, ['state', 'reported', 'agent', 'faults']) : undefined;
  return Array.isArray(faults) ? faults.map(String) : [];
}
