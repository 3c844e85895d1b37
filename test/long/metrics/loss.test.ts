import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../../e2e/support/browser.ts';
import { startRemoteDevice, type RemoteDevice } from '../../e2e/support/remote-device.ts';
import { Inbox } from '../../integration/iot/support/device.ts';

const LOSS_PERCENT = 5;
const PICTURES = 300;
const TOLERANCE = 0.05;
/** Documents, one a second. */
const SETTLED_AFTER = 8;
const camera = {
  source: { type: 'test' },
  prewarm: true,
  video: { renditions: { high: { width: 640, height: 360, fps: 15, bitrateKbps: 1500 } } },
};

interface InboundRtp {
  type: string;
  packetsLost: number;
  packetsReceived: number;
  retransmittedPacketsReceived?: number;
}
declare const kvs: {
  tile(id: string): {
    viewer: {
      control: { methods: string[]; request(method: string): Promise<object> };
      peer: { getStats(): Promise<Map<string, InboundRtp>> };
    };
  };
};

interface Message {
  topic: string;
  payload: Record<string, unknown>;
}

/** Packets vanish at a router between device and browser, of all protocols: both ends only see what arrives. */
describe('loss as it is published, and as Chromium counts it', { timeout: 180_000 }, () => {
  const inbox = new Inbox<Message>();
  const closers: (() => Promise<void> | void)[] = [];
  let browser: Browser;
  let device: RemoteDevice;

  before(async () => {
    browser = await launchBrowser();
    device = await startRemoteDevice(
      browser,
      {},
      () => ({
        cloud: { iotCore: true },
        cameras: { front: camera },
        settings: { metrics: { intervalSeconds: 1 } },
      }),
      (close) => closers.push(close),
    );
    const { mqtt } = device.site.cloud.iot;
    const known = new Set<string>();
    await mqtt.subscribe('kvs-webrtc/+/+', (topic, message) => {
      const text = message.toString();
      // The console listens over the same connection: what fits both subscriptions may come twice.
      if (!known.has(text))
        inbox.add({ topic: topic.split('/').at(-1) ?? '', payload: Object(JSON.parse(text)) });
      known.add(text);
    });
  });
  after(async () => {
    await browser.close();
    for (const close of closers.toReversed()) await close();
  });

  const documents = () => inbox.items.filter(({ topic }) => topic === 'metrics');
  /** Of all metrics so far. */
  const published = (name: string) =>
    documents()
      .flatMap(({ payload }) => payload[name] ?? [])
      .map(Number);

  test('are the same', async (t) => {
    const { page, lab } = device;
    const { id } = await page.play('front');
    await page.page.waitForFunction((viewer) => kvs.tile(viewer).viewer.control.methods.length > 0, id);
    lab.lose(LOSS_PERCENT);
    await page.waitForFrames(id, PICTURES, undefined, 60_000);
    lab.filter();
    // Paused, so that what both count comes to rest: Chromium reports on a picture every second, on sound every five.
    await page.page.evaluate((viewer) => kvs.tile(viewer).viewer.control.request('pause'), id);
    const soFar = published('viewers').length;
    await inbox.find(() => published('viewers').length >= soFar + SETTLED_AFTER);
    const seen = await page.page.evaluate(receivedInPage, id);
    await page.close(id);
    const { payload } = await inbox.find(({ payload: each }) => each['event'] === 'viewer-left');
    const { lostPackets = 0, reportedPackets = 0 }: Record<string, number> = Object(payload['sent']);

    const { lost, received } = seen;
    const share = (100 * lost) / (lost + received);
    t.diagnostic(
      `Chromium: ${lost} of ${lost + received} lost (${share.toFixed(2)} %); summary: ${lostPackets} of ${reportedPackets}; ` +
        `published: ${sum(published('lostPackets'))} of ${sum(published('reportedPackets'))}`,
    );
    assert.ok(share > LOSS_PERCENT / 2, `only ${share} % were lost`);
    assertNear(lostPackets, lost, 'lost packets in the summary');
    assertNear(reportedPackets, lost + received, 'packets in the summary');
    assertNear(sum(published('lostPackets')), lost, 'lost packets');
    assertNear(sum(published('reportedPackets')), lost + received, 'packets');
    // One that tells of ten packets weighs as much as one of five hundred in a mean: each is compared with its own counts.
    const telling = documents().filter(({ payload: each }) => 'packetLoss' in each);
    assert.ok(telling.length > 10, `${telling.length} documents tell of loss`);
    for (const { payload: each } of telling) {
      const [percent] = [each['packetLoss']].flat().map(Number);
      const own = (100 * Number(each['lostPackets'] ?? 0)) / Number(each['reportedPackets']);
      assertNear(percent ?? Number.NaN, own, 'loss of one document, percent');
    }
  });
});

/** Runs in the page: the new packets of all tracks; those that came again, or to look for more room, are counted apart. */
async function receivedInPage(id: string): Promise<{ lost: number; received: number }> {
  const figures = { lost: 0, received: 0 };
  for (const report of (await kvs.tile(id).viewer.peer.getStats()).values()) {
    if (report.type !== 'inbound-rtp') continue;
    figures.lost += report.packetsLost;
    figures.received += report.packetsReceived - (report.retransmittedPacketsReceived ?? 0);
  }
  return figures;
}

function assertNear(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= TOLERANCE * expected, `${what}: ${actual}, expected ${expected}`);
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
