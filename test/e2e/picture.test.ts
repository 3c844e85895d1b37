import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite, type Site } from '../cloud/site.ts';
import { AGENT_BUILDS, agentEntry } from './support/agent-builds.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';
import {
  frameNumbers,
  gaps,
  latenciesMs,
  median,
  percentile,
  recordedRate,
  soundAfterFlashMs,
} from './support/recording.ts';

const FRAMES_PER_SECOND = 30;
const DURATION_MS = 20_000;

for (const build of AGENT_BUILDS) {
  describe(`a viewer of the agent's ${build}`, () => {
    let browser: Browser;
    let site: Site;
    let page: ViewerPage;

    before(async () => {
      site = await startSite({ cameras: { front: { source: { type: 'test' } } }, entry: agentEntry(build) });
      await site.masterConnected();
      browser = await launchBrowser();
      page = await openViewerPage(browser, site.console.url);
    });
    after(async () => {
      await browser.close();
      await site.close();
    });

    test('shows every picture of 20 s in order, with sound that goes with it', async (t) => {
      const { id, status } = await page.play('front');
      t.diagnostic(
        `offer to answer ${ms(status.answerMs)}, connected ${ms(status.connectedMs)}, ` +
          `first presented frame ${ms(status.firstFrameMs)} (cold camera)`,
      );
      await page.waitForFrames(id, FRAMES_PER_SECOND);

      const start = await page.figures(id);
      const recording = await page.record(id, DURATION_MS);
      const received = (await page.figures(id)).video.framesReceived - start.video.framesReceived;
      // What is still on its way through the decoder counts.
      const decodable = Math.ceil(received * 0.99);
      await page.waitForFrames(id, decodable, start, 1000);
      const end = await page.figures(id);

      assert.equal(end.video.codec, 'H264');
      assert.deepEqual([end.video.width, end.video.height], [1280, 720]);
      assert.equal(end.audio.codec.toLowerCase(), 'opus');
      const rate = recordedRate(recording);
      t.diagnostic(
        `${received} frames received, at least ${decodable} of them decoded, ${rate.toFixed(2)} per second`,
      );
      assert.ok(Math.abs(rate - FRAMES_PER_SECOND) < 0.5, `${rate} frames per second`);
      assert.equal(end.video.packetsLost, 0);
      assert.equal(end.audio.packetsLost, 0);
      assert.equal(end.video.freezeCount, 0);

      const numbers = frameNumbers(recording);
      t.diagnostic(`${numbers.length} pictures read back, ${numbers[0]} to ${numbers.at(-1)}`);
      assert.deepEqual(gaps(numbers), []);
      assert.ok(numbers.length >= (DURATION_MS / 1000) * FRAMES_PER_SECOND * 0.97);

      const latencies = latenciesMs(recording);
      const latencyMs = median(latencies);
      t.diagnostic(`glass to glass: median ${ms(latencyMs)}, 95 % below ${ms(percentile(latencies, 0.95))}`);
      assert.ok(latencyMs > 0 && latencyMs < 500, `latency ${latencyMs} ms`);

      const offsets = soundAfterFlashMs(recording);
      t.diagnostic(`beep after flash: median ${ms(median(offsets))}, each: ${offsets.map(ms).join(' ')}`);
      assert.ok(offsets.length >= 15, `${offsets.length} beeps with a flash`);
      assert.ok(Math.abs(median(offsets)) <= 80, `${median(offsets)} ms between flash and beep`);

      // Sender reports tell the wall clock of this machine (RFC 3550 section 6.4.1).
      const { video = NaN, audio = NaN } = end.senderClockMs;
      t.diagnostic(`clock of the sender reports behind: video ${ms(video)}, audio ${ms(audio)}`);
      assert.ok(Math.abs(video) < 50 && Math.abs(audio) < 50);
      await page.close(id);
      const warm = await page.play('front');
      t.diagnostic(
        `connected ${ms(warm.status.connectedMs)}, first presented frame ${ms(warm.status.firstFrameMs)} (warm camera)`,
      );
      assert.deepEqual(page.errors, []);
    });

    test('stops within 4 s of SIGTERM, with exit code 0', async (t) => {
      const { code, tookMs } = await site.agent.stop();
      t.diagnostic(`stopped in ${ms(tookMs)}`);
      assert.equal(code, 0, site.agent.tail());
      assert.ok(tookMs < 4000, `${tookMs} ms`);
      assert.equal(site.agent.stderr, '');
    });
  });
}

function ms(value: number | undefined): string {
  return value === undefined ? '–' : `${Math.round(value)} ms`;
}
