/**
 * `npm run bench`: what the send path costs, beside stock werift and beside node's own calls, on this machine and in
 * this run. Rounds are interleaved, figures are medians; test/output/bench.json keeps them for comparing over time.
 *   node test/bench/run.ts [--rounds N] [--seconds N]
 * Fails where a bound is missed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { agentEntry } from '../e2e/support/agent-builds.ts';
import { measureCaptureToWire, type CaptureToWire } from './support/capture-to-wire.ts';
import { median, table } from './support/figures.ts';
import { measureGrowth, measureIdle, type GrowthFigures, type IdleFigures } from './support/idle.ts';
import { measureLoad, type LoadFigures } from './support/load.ts';
import { prepareMedia } from './support/media-file.ts';
import { loadAverage } from './support/process-figures.ts';
import { agentVariant, floorVariant, stockVariant } from './support/senders.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '6' } },
});
const rounds = Number(values.rounds);
const times = { warmUpMs: 10_000, measureMs: Number(values.seconds) * 1000 };
const VIEWERS = 10;
const RATES_KBPS = [2500, 10_000];

const entry = agentEntry('artifact');
const ours = agentVariant('agent, AES-CM', entry, 'AES_CM_128_HMAC_SHA1_80');
const stock = stockVariant('stock werift (it takes AES-GCM), transport-cc', true);
const variants = [
  ours,
  agentVariant('agent, AES-GCM', entry, 'AEAD_AES_128_GCM'),
  stock,
  stockVariant('stock werift without', false),
  floorVariant('node encrypts and sends'),
];

const loads = new Map<string, LoadFigures[]>();
const wires = new Map<number, CaptureToWire[]>();
const idles: IdleFigures[] = [];
const note = (text: string) => process.stderr.write(`${text}\n`);

for (let round = 1; round <= rounds; round++) {
  for (const kbps of RATES_KBPS) {
    const media = await prepareMedia(kbps);
    for (const variant of variants) {
      note(`round ${round} of ${rounds}: ${variant.name}, ${VIEWERS} × ${kbps / 1000} Mbps`);
      const figures = await measureLoad(variant, media, VIEWERS, times);
      const key = `${variant.name} ${kbps}`;
      loads.set(key, [...(loads.get(key) ?? []), figures]);
    }
    note(`round ${round} of ${rounds}: capture to wire`);
    wires.set(kbps, [
      ...(wires.get(kbps) ?? []),
      await measureCaptureToWire(media, VIEWERS, { entry, ...times }),
    ]);
  }
  note(`round ${round} of ${rounds}: idle`);
  idles.push(await measureIdle(entry, times.measureMs));
}
note('growth with viewers');
const growth: GrowthFigures = await measureGrowth(entry, await prepareMedia(2500), times);

const load = (name: string, kbps: number, pick: (figures: LoadFigures) => number) =>
  median((loads.get(`${name} ${kbps}`) ?? []).map(pick));
const cpu = (name: string, kbps: number) => load(name, kbps, ({ cpuPerPacketUs }) => cpuPerPacketUs);
const wire = (kbps: number, pick: (figures: CaptureToWire) => number) =>
  median((wires.get(kbps) ?? []).map(pick));
const idle = (pick: (figures: IdleFigures) => number) => median(idles.map(pick));

const rows = variants.map(({ name }) => [
  name,
  ...RATES_KBPS.flatMap((kbps) => [cpu(name, kbps), load(name, kbps, ({ cpuPercent }) => cpuPercent)]),
  load(name, 2500, ({ rssMb }) => rssMb),
  RATES_KBPS.reduce((lost, kbps) => lost + load(name, kbps, (figures) => figures.lost), 0),
]);
const columns = ['', 'µs a packet, 10 × 2.5', '% CPU', 'µs a packet, 10 × 10', '% CPU', 'RSS MB', 'lost'];
const facts: Array<[string, string]> = [
  ...RATES_KBPS.map((kbps): [string, string] => [
    `capture to wire at ${kbps / 1000} Mbps, p50 and p99`,
    `first viewer ${ms(wire(kbps, (f) => f.firstP50))} and ${ms(wire(kbps, (f) => f.firstP99))}, ` +
      `tenth ${ms(wire(kbps, (f) => f.lastP50))} and ${ms(wire(kbps, (f) => f.lastP99))}`,
  ]),
  ['idle', `${idle((f) => f.rssMb).toFixed(1)} MB, ${idle((f) => f.cpuPercent).toFixed(2)} % CPU`],
  ['bundle start to connected master', ms(idle((f) => f.startedInMs))],
  [
    'event loop delay p99',
    `${ms(growth.loopDelayMs)} with ${VIEWERS} viewers, ${ms(growth.controlDelayMs)} in an idle process`,
  ],
  [
    'viewers of 2.5 Mbps until the core is full',
    `${Math.round(growth.viewersUntilFull)} (from ${growth.steps})`,
  ],
  ['load average at the end', loadAverage().toFixed(1)],
];

interface Bound {
  name: string;
  figure: number;
  limit: number;
}

const bounds: Bound[] = [
  ...RATES_KBPS.map((kbps) => ({
    name: `CPU a packet at 10 × ${kbps / 1000} Mbps, share of stock werift's`,
    figure: cpu(ours.name, kbps) / cpu(stock.name, kbps),
    limit: 0.25,
  })),
  { name: 'RSS idle, MB', figure: idle((f) => f.rssMb), limit: 85 },
  { name: 'CPU idle, %', figure: idle((f) => f.cpuPercent), limit: 0.3 },
  {
    name: 'event loop delay p99 above that of an idle process, ms',
    figure: growth.loopDelayMs - growth.controlDelayMs,
    limit: 10,
  },
];
const missed = bounds.filter(({ figure, limit }) => !(figure <= limit));

process.stdout.write(`${table(columns, rows)}\n\n`);
process.stdout.write(`${facts.map(([name, text]) => `${name}: ${text}`).join('\n')}\n\n`);
for (const { name, figure, limit } of bounds)
  process.stdout.write(
    `${figure <= limit ? 'within' : 'ABOVE '}  ${name}: ${figure.toFixed(2)} (at most ${limit})\n`,
  );

const folder = join(import.meta.dirname, '../output');
mkdirSync(folder, { recursive: true });
const record = {
  at: new Date().toISOString(),
  node: process.version,
  rounds,
  loads: Object.fromEntries(loads),
  captureToWire: Object.fromEntries(wires),
  idle: idles,
  growth,
  bounds,
};
writeFileSync(join(folder, 'bench.json'), `${JSON.stringify(record, undefined, 2)}\n`);
process.exitCode = missed.length > 0 ? 1 : 0;

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
