/**
 * What metrics cost an agent with 10 viewers: its CPU time while it publishes every second, a sixtieth of the default interval, and
 * while it does not, in turns; the shadow switches between them.
 *   node test/bench/metrics.ts [rounds]
 * Fails where a publication costs so much that the default interval takes more than 0.5 % of a core.
 */
import { AgentSite } from './support/agent-site.ts';
import { median, table } from './support/figures.ts';
import { cpuMs } from './support/process-figures.ts';
import { Viewers } from './support/viewers.ts';

const ROUNDS = Number(process.argv[2] ?? 5);
const VIEWERS = 10;
const WINDOW_MS = 4000;
const OFF_SECONDS = 86_400;
const DEFAULT_INTERVAL_SECONDS = 60;
const MAX_PERCENT = 0.5;

const agent = await AgentSite.start({
  cameras: {
    front: {
      source: { type: 'test' },
      video: { renditions: { high: { width: 320, height: 180, fps: 15, bitrateKbps: 500 } } },
    },
  },
  settings: { metrics: { intervalSeconds: OFF_SECONDS } },
  cloud: { iotCore: true },
});
const viewers = new Viewers(1);
let documents = 0;
let bytes = 0;
const figures = { on: [] as number[], off: [] as number[], perRoundMs: [] as number[] };
try {
  const { mqtt } = agent.site.cloud.iot;
  await mqtt.subscribe('kvs-webrtc/+/metrics', (_, payload) => {
    documents += 1;
    bytes += payload.length;
  });
  for (let n = 0; n < VIEWERS; n += 1)
    await viewers.add(`viewer-${n}`, (offer) => agent.answer('front', offer));
  await measure(OFF_SECONDS);
  for (let round = 0; round < ROUNDS; round += 1) {
    const off = await measure(OFF_SECONDS);
    const on = await measure(1);
    figures.off.push(off);
    figures.on.push(on);
    // Percent of a core at one publication a second are hundredths of a second each.
    figures.perRoundMs.push((on - off) * 10);
  }
} finally {
  await viewers.close();
  await agent.close();
}

/** CPU of the agent in percent of a core, with an interval. The time that passes is what is measured over. */
async function measure(intervalSeconds: number): Promise<number> {
  const { mqtt } = agent.site.cloud.iot;
  const topic = '$aws/things/demo-device/shadow/name/kvs-webrtc/update';
  await mqtt.publish(topic, { state: { desired: { metrics: { intervalSeconds } } } });
  await passing(1000);
  const before = cpuMs(agent.pid);
  const startedAt = performance.now();
  await passing(WINDOW_MS);
  return (100 * (cpuMs(agent.pid) - before)) / (performance.now() - startedAt);
}

function passing(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

const [on, off, perRoundMs] = [median(figures.on), median(figures.off), median(figures.perRoundMs)];
const percent = (0.1 * perRoundMs) / DEFAULT_INTERVAL_SECONDS;
process.stdout.write(
  `${VIEWERS} viewers, ${ROUNDS} rounds, agent's CPU in % of a core (medians)\n${table(
    ['', 'CPU %'],
    [
      ['not publishing', off],
      ['publishing every second', on],
    ],
  )}\n${perRoundMs.toFixed(1)} ms a publication, ${percent.toFixed(4)} % of a core every ${DEFAULT_INTERVAL_SECONDS} s; ${documents} documents of ${Math.round(bytes / Math.max(1, documents))} B\n`,
);
const passed = documents > 0 && percent <= MAX_PERCENT;
process.stdout.write(`${passed ? 'within' : 'ABOVE'} the bound of ${MAX_PERCENT} %\n`);
process.exit(passed ? 0 : 1);
