/**
 * How well a viewer's picture follows its link, with Chromium as viewer behind a bottleneck, losses, delay or jitter.
 * Each run is written to test/output/adapt as JSON and as a chart (SVG), its feedback as a trace that can be replayed. Exits with 1 where a bound is missed.
 * Where a scenario is compared, stock werift's sender at a fixed rate and Chromium's own sender run it too.
 *   node test/bench/adapt.ts [SCENARIO…] [ours|werift|chromium…]      beginnings of names of adapt/scenarios.ts, all by
 *     default; and which senders, by default all where the scenario is compared
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { CHROMIUM } from '../e2e/support/browser.ts';
import { drawChart, type Series } from './adapt/chart.ts';
import { prepareLadder } from './adapt/ladder-media.ts';
import type { SenderName } from './adapt/lab-sender.ts';
import { runScenario, type Sample } from './adapt/run-scenario.ts';
import { SCENARIOS } from './adapt/scenarios.ts';
import { judge, judgeShare, summarise, type Check } from './adapt/verdict.ts';
import { prepareMedia } from './support/media-file.ts';

const FOLDER = join(import.meta.dirname, '../output/adapt');
const SENDERS: readonly SenderName[] = ['ours', 'werift', 'chromium'];
const FIXED_KBPS = 2500;
const chosen = SENDERS.filter((name) => process.argv.includes(name));
const wanted = process.argv.slice(2).filter((word) => !SENDERS.some((name) => name === word));
const scenarios = SCENARIOS.filter(
  ({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
);

function chart(title: string, samples: readonly Sample[]): string {
  const line = (name: string, colour: string, value: (sample: Sample) => number): Series => ({
    name,
    colour,
    points: samples.map((sample) => [sample.seconds, value(sample)] as const),
  });
  const names = ['low', 'middle', 'high'];
  const lost = (at: number) => samples[at]?.pages[0]?.packetsLost ?? 0;
  const viewers = samples[0]?.shown ?? [];
  return drawChart(title, [
    {
      title: 'Rates',
      unit: 'kbps',
      series: [
        line('link', '#999', ({ kbps }) => kbps),
        ...viewers.flatMap((_, i) => [
          line(`estimate ${i + 1}`, ['#c33', '#e90'][i] ?? '#c33', ({ shown, kbps }) =>
            Math.min(shown[i]?.estimateKbps ?? 0, 2 * (kbps || 5000)),
          ),
          line(`sent ${i + 1}`, ['#36c', '#3a3'][i] ?? '#36c', ({ shown }) => shown[i]?.sentKbps ?? 0),
        ]),
      ],
    },
    {
      title: 'Rendition',
      unit: '1 low, 3 high',
      series: viewers.map((_, i) =>
        line(
          `viewer ${i + 1}`,
          ['#36c', '#3a3'][i] ?? '#36c',
          ({ shown }) => 1 + names.indexOf(shown[i]?.rendition ?? ''),
        ),
      ),
    },
    { title: 'Queue', unit: 'ms', series: [line('bottleneck', '#c33', ({ queueMs }) => queueMs)] },
    {
      title: 'Lost',
      unit: 'packets a sample',
      series: [
        {
          name: 'viewer 1',
          colour: '#c33',
          points: samples.map(({ seconds }, i) => [seconds, Math.max(0, lost(i) - lost(i - 1))] as const),
        },
      ],
    },
  ]);
}

function tell(checks: readonly Check[]): void {
  for (const { name, value, bound, holds } of checks)
    process.stdout.write(`  ${holds ? 'holds ' : 'MISSED'} ${name}: ${value.toFixed(1)} (${bound})\n`);
}

mkdirSync(FOLDER, { recursive: true });
const rungs = await prepareLadder();
const { moviePath } = await prepareMedia(FIXED_KBPS);
const browser = await chromium.launch({
  ...CHROMIUM,
  args: [...(CHROMIUM.args ?? []), '--disable-features=WebRtcHideLocalIpsWithMdns'],
});
let failed = 0;
for (const scenario of scenarios) {
  process.stdout.write(`\n${scenario.name}\n`);
  const senders = chosen.length > 0 ? chosen : scenario.compared ? SENDERS : (['ours'] as const);
  const runs: Partial<Record<SenderName, Sample[]>> = {};
  const checks: Check[] = [];
  for (const sender of senders) {
    const tracePath = join(FOLDER, `${scenario.name}.trace.gz`);
    const samples = await runScenario(scenario, sender, { rungs, moviePath, tracePath }, browser);
    runs[sender] = samples;
    process.stdout.write(`  ${sender.padEnd(9)}${summarise(samples)}\n`);
    if (sender !== 'ours') continue;
    checks.push(...judge(scenario, samples));
    writeFileSync(join(FOLDER, `${scenario.name}.svg`), chart(scenario.name, samples));
  }
  checks.push(...judgeShare(scenario, runs));
  writeFileSync(join(FOLDER, `${scenario.name}.json`), JSON.stringify({ scenario, checks, runs }, null, 1));
  tell(checks);
  failed += checks.filter(({ holds }) => !holds).length;
}
await browser.close();
process.exitCode = failed > 0 ? 1 : 0;
