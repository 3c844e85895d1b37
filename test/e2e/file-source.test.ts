import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { testVideoGraph } from '../../src/camera/test-source.ts';
import { startSite } from '../cloud/site.ts';
import { launchBrowser, openViewerPage } from './support/browser.ts';
import { frameNumbers, recordDuring } from './support/recording.ts';

const PICTURE = { width: 320, height: 180, fps: 15, bitrateKbps: 300 };
const SECONDS = 2;
/** Of the film, whose pictures are numbered. */
const PICTURES = SECONDS * PICTURE.fps;

describe('a film as a camera', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvs-film-'));
  const film = join(folder, 'film.mp4');
  let browser: Browser;

  before(async () => {
    // As films are: B-frames, and sound that is not Opus.
    const picture = `-f lavfi -i ${testVideoGraph(PICTURE, false).replace(',realtime', '')}`;
    const sound = `-f lavfi -i sine=frequency=440:duration=${SECONDS}`;
    const coded = `-t ${SECONDS} -c:v libx264 -bf 2 -c:a aac`;
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
      await page.waitForFrames(id, 1);
      const recording = await recordDuring(page, id, () => page.waitForFrames(id, 3 * PICTURES));
      const numbers = frameNumbers(recording);
      const { video, audio } = await page.figures(id);
      assert.deepEqual([video.codec, video.width, video.height], ['H264', 320, 180]);
      assert.equal(video.packetsLost + audio.packetsLost, 0);
      assert.equal(video.freezeCount, 0);
      // Over its end, too, each picture follows the one before; the last one stays where the sound is longer.
      assert.ok(numbers.length > 2 * PICTURES);
      const astray = numbers.filter((number, i) => i > 0 && !follows(number, numbers[i - 1] ?? 0));
      assert.deepEqual(astray, []);
      assert.equal(audio.codec.toLowerCase(), 'opus');
      assert.ok(audio.packetsReceived > 100, `${audio.packetsReceived} packets of sound`);
    } finally {
      await site.close();
    }
  });
});

function follows(number: number, former: number): boolean {
  return number === (former + 1) % PICTURES || (number === former && number === PICTURES - 1);
}
