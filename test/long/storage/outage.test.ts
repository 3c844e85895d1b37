import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as passed } from 'node:timers/promises';
import { NetworkLab } from '../../support/network-lab.ts';
import { FPS, largest, startRecordedSite, summary, verdict } from '../../support/recorded-site.ts';
import { scrape } from './support/scrape.ts';

const CLOUD_NAME = 'cloud.test';
const PROMETHEUS_PORT = 9_464;
const OUTAGE_SECONDS = 50;
/** So often does the storage side say what it has; what comes after the last time is not known to have come. */
const REPORT_SECONDS = 1;

test('an outage longer than what is kept: one gap, told with its times, and memory that stays', async (t) => {
  const lab = NetworkLab.create({ hostName: CLOUD_NAME });
  const { site, channelName } = await startRecordedSite({
    launcher: lab.launcher,
    settings: { metrics: { prometheusPort: PROMETHEUS_PORT } },
    cloud: { host: { name: CLOUD_NAME, address: lab.hostIpv4 } },
  });
  const { storage } = site.cloud;
  const media = storage.media(channelName);
  try {
    await media.lasting(10, 30_000);
    const before = residentMb(site.agent.pid);
    lab.filter('drop');
    let most = before;
    for (let second = 0; second < OUTAGE_SECONDS; second += 1) {
      await passed(1_000);
      most = Math.max(most, residentMb(site.agent.pid));
    }
    lab.filter();
    await storage.connected(channelName, 2, 90_000);
    await media.more('video', 60 * FPS, 90_000);
    most = Math.max(most, residentMb(site.agent.pid));

    const judged = await verdict(site, channelName);
    const times = media.pictures().map(({ capturedAtMs }) => capturedAtMs);
    const after = times.findIndex((atMs, i) => atMs - (times[i - 1] ?? atMs) > 1_000);
    const [lastMs = 0, firstMs = 0] = times.slice(after - 1, after + 1);
    const missing = (firstMs - lastMs) / 1000;
    const warning = site.agent.logs.find(({ msg }) => msg === 'the recording has a gap')?.details;
    const seconds = Number(warning?.['seconds']);
    const fromMs = Date.parse(String(warning?.['from']));
    const metrics = scrape(lab, PROMETHEUS_PORT);
    t.diagnostic(`${summary(judged)}; ${missing.toFixed(2)} s missing, ${seconds} s told`);
    t.diagnostic(`${before} MB before, ${most} MB at most`);
    assert.equal(judged.steps.length, 1);
    assert.ok(Math.abs((judged.steps[0]?.missing ?? 0) - missing * FPS) < 2);
    assert.ok(missing > 10 && missing < OUTAGE_SECONDS, `${missing} s missing`);
    assert.ok(seconds >= missing - 0.1 && seconds <= missing + REPORT_SECONDS + 0.3, `${seconds} s told`);
    assert.ok(fromMs <= lastMs + 100 && fromMs >= lastMs - 1_000 * REPORT_SECONDS - 300);
    assert.ok(Math.abs(fromMs + 1_000 * seconds - firstMs) < 100, 'until the first picture after it');
    assert.equal(metrics('recording_gaps_total'), 1);
    assert.ok(Math.abs(metrics('recording_gap_time_seconds_total') - seconds) < 0.01);
    assert.ok(most - before < 40, `${most - before} MB more`);
    assert.ok(largest(judged.beepAfterFlashMs) <= 40);
  } finally {
    await site.close();
    lab.close();
  }
});

function residentMb(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}
