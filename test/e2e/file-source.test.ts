import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite } from '../cloud/site.ts';
import { launchBrowser, openViewerPage } from './support/browser.ts';

const FRAMES_PER_SECOND = 15;
const SECONDS = 2;

describe('a film as a camera', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvs-film-'));
  const film = join(folder, 'film.mp4');
  let browser: Browser;

  before(async () => {
    // As films are: B-frames, and sound that is not Opus.
    const picture = `-f lavfi -i testsrc=size=320x180:rate=${FRAMES_PER_SECOND}:duration=${SECONDS}`;
    const sound = `-f lavfi -i sine=frequency=440:duration=${SECONDS}`;
    const coded = '-pix_fmt yuv420p -c:v libx264 -bf 2 -c:a aac';
    execFileSync('ffmpeg', [...`-v error ${picture} ${sound} ${coded}`.split(' '), film]);
    browser = await launchBrowser();
  });
  after(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('plays in a loop, with its sound', async () => {
    const site = await startSite({ cameras: { film: { source: { type: 'file', path: film } } } });
    try {
      await site.masterConnected();
      const page = await openViewerPage(browser, site.console.url);
      const { id } = await page.play('film');
      await page.waitForFrames(id, 3 * SECONDS * FRAMES_PER_SECOND);
      const { video, audio } = await page.figures(id);
      assert.deepEqual([video.codec, video.width, video.height], ['H264', 320, 180]);
      assert.equal(video.packetsLost + audio.packetsLost, 0);
      assert.equal(video.freezeCount, 0);
      assert.equal(audio.codec.toLowerCase(), 'opus');
      assert.ok(audio.packetsReceived > 100, `${audio.packetsReceived} packets of sound`);
    } finally {
      await site.close();
    }
  });
});
