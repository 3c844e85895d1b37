import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium, type Browser } from 'playwright-core';
import { startSite, type Site } from '../cloud/site.ts';
import { CHROMIUM, openViewerPage, type ViewerPage } from './support/browser.ts';
import { median } from './support/recording.ts';
import { hum, speakInPage } from './support/talk-in-page.ts';
import { secondsOf, writeTone } from '../support/tone.ts';

const TONE_HZ = 1_000;
const OTHER_HZ = 1_700;
const LOUDSPEAKER = join(import.meta.dirname, 'support/loudspeaker.ts');

describe('two-way audio', () => {
  const folder = mkdtempSync(join(tmpdir(), 'talk-'));
  const microphone = join(folder, 'microphone.wav');
  const said = join(folder, 'said.wav');
  const onsetsFile = join(folder, 'onsets');
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;

  before(async () => {
    writeTone(microphone, TONE_HZ);
    browser = await chromium.launch({
      ...CHROMIUM,
      args: [
        ...(CHROMIUM.args ?? []),
        '--use-fake-device-for-media-stream',
        '--use-fake-ui-for-media-stream',
        `--use-file-for-fake-audio-capture=${microphone}`,
      ],
    });
    const camera = {
      source: { type: 'test' },
      video: { renditions: { high: { width: 320, height: 180, fps: 15, bitrateKbps: 300 } } },
      control: { allowed: ['view', 'talk'] },
    };
    site = await startSite({
      cameras: {
        file: { ...camera, talk: { enabled: true, file: said } },
        command: { ...camera, talk: { enabled: true, command: [process.execPath, LOUDSPEAKER, onsetsFile] } },
        mute: { ...camera, control: {}, talk: { enabled: true, file: join(folder, 'never.wav') } },
      },
    });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
  });
  after(async () => {
    await browser.close();
    await site.close();
    rmSync(folder, { recursive: true });
  });

  function speak(id: string, durationMs: number): Promise<number[]> {
    return page.page.evaluate(speakInPage, [id, durationMs] as const);
  }

  test('what a viewer says is played within 250 ms', async (t) => {
    const { id } = await page.play('command');
    const spoken = await speak(id, 8_500);
    const heard = readFileSync(onsetsFile, 'utf8').trim().split('\n').map(Number);
    const delays = spoken.flatMap((at) => {
      const next = heard.find((one) => one > at && one < at + 1_000);
      return next === undefined ? [] : [next - at];
    });
    t.diagnostic(`delays: ${delays.map(Math.round).join(' ')} ms`);
    assert.ok(delays.length >= 3, `${spoken.length} spoken, ${heard.length} heard`);
    assert.ok(median(delays) < 250, `${median(delays)} ms`);
    await page.close(id);
  });

  test('one viewer at a time has the floor', async (t) => {
    const first = await page.play('file');
    const second = await page.play('file');
    const speaking = speak(first.id, 6_000);
    await page.page.evaluate(hum, [second.id, OTHER_HZ] as const);
    await speaking;
    await page.close(first.id);
    await page.close(second.id);
    await site.agent.waitForLog('a viewer speaks', ({ msg }) => msg === 'a viewer speaks');
    const [tone = 0, other = 0] = secondsOf(said, [TONE_HZ, OTHER_HZ]);
    t.diagnostic(`seconds of the first viewer's tone ${tone}, of the second's ${other}`);
    // One of the two, whoever was first.
    assert.ok(Math.max(tone, other) > 1.5 && Math.min(tone, other) < 0.2, `${tone} s and ${other} s`);
  });

  test('a viewer that is not permitted cannot speak', async () => {
    const { id } = await page.play('mute');
    await assert.rejects(speak(id, 100), /may not talk/);
    await page.close(id);
  });
});
