import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { AgentSite } from '../../bench/support/agent-site.ts';
import { startControl } from '../../bench/support/idle.ts';
import { measure } from '../../bench/support/load.ts';
import { prepareMedia } from '../../bench/support/media-file.ts';
import { SENDER_CPU, VIEWER_CPU } from '../../bench/support/senders.ts';
import { Viewers } from '../../bench/support/viewers.ts';
import { agentEntry } from '../../e2e/support/agent-builds.ts';

const MINUTES = 5;
const CAMERAS = ['front', 'garden'];
const VIEWERS_EACH = 10;
const KBPS = 2500;
const MAX_RSS_MB = 140;
const MAX_DELAY_MS = 10;
const SETTLE_MS = 10_000;

test(`two cameras with ten viewers each for ${MINUTES} minutes: nothing lost, no delay, no growth`, async (t) => {
  const { moviePath: path } = await prepareMedia(KBPS);
  const camera = { source: { type: 'file', path }, video: { encoder: 'copy' } };
  const agent = await AgentSite.start({
    cameras: Object.fromEntries(CAMERAS.map((name) => [name, camera])),
    entry: agentEntry('artifact'),
    cpu: SENDER_CPU,
    probe: true,
  });
  const viewers = new Viewers(VIEWER_CPU);
  const control = startControl();
  try {
    for (const name of CAMERAS)
      for (let i = 0; i < VIEWERS_EACH; i++)
        await viewers.add(`${name}-${i}`, (offer) => agent.answer(name, offer));
    await sleep(SETTLE_MS);
    await Promise.all([agent.loopDelay(), control.delay()]);
    // What is measured is the time itself.
    const figures = await measure(agent.pid, viewers, MINUTES * 60_000);
    const [own, idle] = await Promise.all([agent.loopDelay(), control.delay()]);
    t.diagnostic(
      `${Math.round(figures.packetsPerSecond)} packets/s, ${figures.lost} lost, ${figures.cpuPercent.toFixed(1)} % CPU, ` +
        `${figures.cpuPerPacketUs.toFixed(1)} µs a packet, ${figures.rssMb.toFixed(0)} MB`,
    );
    t.diagnostic(
      `event loop delay p99 ${own.p99.toFixed(1)} ms (max ${own.max.toFixed(0)}), ` +
        `idle process ${idle.p99.toFixed(1)} ms (max ${idle.max.toFixed(0)})`,
    );
    assert.equal(figures.lost, 0);
    assert.ok(
      figures.packetsPerSecond > CAMERAS.length * VIEWERS_EACH * 250,
      'every viewer gets its 2.5 Mbps',
    );
    assert.ok(
      own.p99 - idle.p99 <= MAX_DELAY_MS,
      `event loop delay ${own.p99} ms, idle process ${idle.p99} ms`,
    );
    assert.ok(figures.rssMb <= MAX_RSS_MB, `${figures.rssMb} MB`);
  } finally {
    control.stop();
    await viewers.close();
    await agent.close();
  }
});
