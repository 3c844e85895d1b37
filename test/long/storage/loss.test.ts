import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FPS, startRecordedSite, verdict } from '../../support/recorded-site.ts';
import { NetworkLab } from '../../support/network-lab.ts';
import { scrape } from './support/scrape.ts';

const CLOUD_NAME = 'cloud.test';
const PROMETHEUS_PORT = 9_464;
const BETWEEN_DROPS = 45 * FPS;

test('5 % loss and three lost peers in three minutes: gaps below 5 s, each in the metrics', async (t) => {
  const lab = NetworkLab.create({ hostName: CLOUD_NAME });
  const { site, channelName } = await startRecordedSite({
    launcher: lab.launcher,
    settings: { metrics: { prometheusPort: PROMETHEUS_PORT } },
    cloud: { host: { name: CLOUD_NAME, address: lab.hostIpv4 } },
  });
  const { storage } = site.cloud;
  try {
    await storage.connected(channelName, 1);
    lab.lose(5);
    const media = storage.media(channelName);
    for (const drop of ['close', 'vanish', 'vanish'] as const) {
      await media.more('video', BETWEEN_DROPS, 90_000);
      const sessions = storage.sessions(channelName);
      for (const peer of storage.peers(channelName)) peer[drop]();
      await storage.connected(channelName, sessions + 1, 30_000);
    }
    await media.more('video', BETWEEN_DROPS, 90_000);
    lab.filter();
    const { steps, seconds, strips } = await verdict(site, channelName);
    const metrics = scrape(lab, PROMETHEUS_PORT);
    const gaps = steps.filter(({ missing }) => missing > FPS / 4);
    t.diagnostic(`${strips.length} pictures in ${seconds.toFixed(1)} s, steps ${JSON.stringify(steps)}`);
    const counts = ['storage_joins', 'storage_renewals', 'storage_losses', 'recording_gaps'].map(
      (name) => `${name} ${metrics(`${name}_total`)}`,
    );
    t.diagnostic(`${storage.sessions(channelName)} sessions; ${counts.join(', ')}`);
    assert.ok(storage.sessions(channelName) >= 4);
    assert.ok(
      gaps.every(({ missing }) => missing < 5 * FPS),
      JSON.stringify(gaps),
    );
    assert.equal(metrics('recording_gaps_total'), gaps.length);
  } finally {
    await site.close();
    lab.close();
  }
});
