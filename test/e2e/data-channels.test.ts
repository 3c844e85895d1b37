import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startSite, type Site } from '../cloud/site.ts';
import { profileInPage } from './support/aws-profiling.ts';
import { launchBrowser, openViewerPage, type ViewerPage } from './support/browser.ts';
import {
  CHANNEL_MODES,
  echoInPage,
  hasChannel,
  mayLose,
  openAndKeepChannels,
  type ChannelMode,
  type Echo,
} from './support/echo.ts';

const SIZES = [0, 1, 1_200, 16_384, 65_536];
/** What we announce. Four of them at once are all that the agent keeps for a viewer, so they go one after the other. */
const LARGEST = 262_144;

/** All echoes of one call; they take a second. */
const LIMIT_MS = 20_000;

function assertWhole(echoes: Echo[], modes: ChannelMode[], sizes: number[]): void {
  const back = 'same' as const;
  const wanted = modes.flatMap((mode) =>
    sizes.flatMap((size) => ['text', 'bytes'].map((kind) => ({ mode, size, kind, back }))),
  );
  const lawful = echoes.map((echo) => (echo.back === 'lost' && mayLose(echo) ? { ...echo, back } : echo));
  assert.deepEqual(lawful, wanted);
}

describe('data channels', () => {
  let browser: Browser;
  let site: Site;
  let page: ViewerPage;

  before(async () => {
    browser = await launchBrowser();
    const video = { renditions: { high: { width: 320, height: 180, fps: 15, bitrateKbps: 300 } } };
    site = await startSite({
      cameras: {
        front: {
          source: { type: 'test' },
          video,
          dataChannel: { echo: true, open: ['from-device', 'control'] },
        },
      },
    });
    await site.masterConnected();
    page = await openViewerPage(browser, site.console.url);
  });
  after(async () => {
    await browser.close();
    await site.close();
  });

  test('text and bytes of all sizes come back as they were, in all modes, beside the picture', async (t) => {
    const { id } = await page.play('front');
    let lost = 0;
    const echo = async (modes: ChannelMode[], sizes: number[]): Promise<void> => {
      const echoes = await page.page.evaluate(echoInPage, [id, modes, sizes, LIMIT_MS] as const);
      assertWhole(echoes, modes, sizes);
      lost += echoes.filter(({ back }) => back === 'lost').length;
    };
    await echo(CHANNEL_MODES, SIZES);
    for (const mode of CHANNEL_MODES) await echo([mode], [LARGEST]);
    t.diagnostic(`${lost} lost where the mode lets them`);
    const start = await page.figures(id);
    await page.waitForFrames(id, 15, start);
    assert.equal((await page.figures(id)).video.packetsLost, 0);
    await page.close(id);
  });

  test('channels that the device opens carry text and bytes both ways', async () => {
    const id = await page.page.evaluate(openAndKeepChannels, 'front');
    const label = 'from-device';
    await page.page.waitForFunction(hasChannel, [id, label] as const);
    const modes = [{ fromDevice: label }];
    const sizes = [...SIZES, LARGEST];
    const echoes = await page.page.evaluate(echoInPage, [id, modes, sizes, LIMIT_MS] as const);
    assertWhole(echoes, modes, sizes);
    assert.ok(await page.page.evaluate(hasChannel, [id, 'control'] as const));
    await page.close(id);
  });

  test("AWS's test page can plot every step of the agent, at the times at which the cloud saw it", async (t) => {
    const { id, status } = await page.play('front');
    const { clientId = '' } = status;
    const { master, received } = await page.page.evaluate(profileInPage, id);
    t.diagnostic(JSON.stringify(master));
    assert.deepEqual(received, ['latency', 'latency', 'signaling', 'peerConnection', 'candidateGathering']);
    const { createChannel, ...steps } = master;
    assert.deepEqual(createChannel, { startTime: 0, endTime: 0 }, 'the channel was there');
    const { events } = site.cloud;
    const at = (action: string) => events.select('message', { action, clientId })[0]?.at ?? 0;
    const [connected] = events.select('connected', { role: 'MASTER' });
    const { signaling, describeChannel, connectAsMaster, offAnswerTime, peerConnection, dataChannel } = steps;
    assertInOrder([
      site.agent.startedAt,
      describeChannel?.startTime,
      describeChannel?.endTime,
      connectAsMaster?.startTime,
      connectAsMaster?.endTime,
      at('SDP_OFFER'),
      offAnswerTime?.startTime,
      offAnswerTime?.endTime,
      peerConnection?.endTime,
      dataChannel?.startTime,
      dataChannel?.endTime,
      Date.now(),
    ]);
    // What one process has sent, another may have seen before the first notes its time.
    assertInOrder([connectAsMaster?.startTime, connected?.at, at('SDP_OFFER')]);
    assertInOrder([offAnswerTime?.startTime, at('SDP_ANSWER'), peerConnection?.endTime]);
    assert.deepEqual(signaling, { startTime: describeChannel?.startTime, endTime: connectAsMaster?.endTime });
    assert.equal(peerConnection?.startTime, offAnswerTime?.startTime);
    // The page leaves out what took no time.
    const plotted = Object.entries(steps).filter(([, { startTime, endTime }]) => endTime > startTime);
    for (const name of [
      'getToken',
      'channelEndpoint',
      'describeChannel',
      'connectAsMaster',
      'peerConnection',
    ])
      assert.ok(
        plotted.some(([step]) => step === name),
        `${name} is not plotted`,
      );
    await page.close(id);
  });
});

/** Times of two processes, each rounded to the millisecond. */
function assertInOrder(times: readonly (number | undefined)[]): void {
  for (const [index, time = Number.NaN] of times.entries())
    assert.ok(index === 0 || time >= (times[index - 1] ?? 0) - 2, `time ${index} of ${times.join(', ')}`);
}
