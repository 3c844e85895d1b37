import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../../e2e/support/browser.ts';
import { FPS, startRemoteDevice } from '../../e2e/support/remote-device.ts';

const LOSS_PERCENT = 5;
const MESSAGES = 160;
const MESSAGE_BYTES = 65_536;
/** On its way there and back at once: less than the agent keeps for a viewer. */
const MAX_ON_THE_WAY = 8;

/** What is used of the browser's objects; the tests have no DOM types. */
interface PageChannel {
  binaryType: string;
  addEventListener(type: string, listener: (event: { data: ArrayBuffer }) => void): void;
  send(data: Uint8Array): void;
}
declare const kvs: {
  tile(id: string): { viewer: { peer: { createDataChannel(label: string): PageChannel } } };
};

/** Runs in the page: resolves to the number of messages that came back as they were, in order, and to how long that took. */
function echoMany([id, count, bytes, onTheWay]: readonly [string, number, number, number]) {
  const channel = kvs.tile(id).viewer.peer.createDataChannel('ten megabytes');
  channel.binaryType = 'arraybuffer';
  const message = (number: number) =>
    Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + number * 7) % 251);
  const startedAt = performance.now();
  let sent = 0;
  let right = 0;
  return new Promise<{ right: number; tookMs: number }>((resolve) => {
    const send = () => {
      while (sent < count && sent - right < onTheWay) channel.send(message(sent++));
    };
    channel.addEventListener('open', send);
    channel.addEventListener('message', ({ data }) => {
      const wanted = message(right);
      const back = new Uint8Array(data);
      const isSame = back.length === wanted.length && back.every((byte, i) => byte === wanted[i]);
      if (isSame) right += 1;
      if (!isSame || right === count) resolve({ right, tookMs: performance.now() - startedAt });
      else send();
    });
  });
}

describe('data channels on a bad network', () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  test(`10 MB there and back on a reliable channel, ${LOSS_PERCENT} % of all packets lost`, async (t) => {
    const camera = {
      source: { type: 'test' },
      video: { renditions: { high: { width: 320, height: 180, fps: FPS, bitrateKbps: 300 } } },
      dataChannel: { echo: true },
    };
    const { page, lab } = await startRemoteDevice(
      browser,
      {},
      () => ({ cameras: { front: camera } }),
      (close) => t.after(close),
    );
    const { id } = await page.play('front');
    lab.lose(LOSS_PERCENT);
    const echoed = await page.page.evaluate(echoMany, [id, MESSAGES, MESSAGE_BYTES, MAX_ON_THE_WAY] as const);
    lab.filter();
    const kBytes = (MESSAGES * MESSAGE_BYTES) / echoed.tookMs;
    t.diagnostic(`${Math.round(echoed.tookMs)} ms, ${Math.round(kBytes)} kB/s each way`);
    assert.equal(echoed.right, MESSAGES);
    await page.waitForFrames(id, FPS);
  });
});
