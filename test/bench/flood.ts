/**
 * What others see of a viewer that sends 10,000 messages a second: the pictures of two viewers while a third one, in a process of its own,
 * floods a data channel whose messages are echoed, and while it does not; interleaved.
 *   node test/bench/flood.ts [rounds]
 * Fails where a packet is lost, pictures are missing, or the median of the longest gaps is longer by more than a picture.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { LiveViewer } from '../support/live-viewer.ts';
import { AgentSite } from './support/agent-site.ts';
import { median, table } from './support/figures.ts';
import type { Flood } from './support/flood-process.ts';
import { ChildCalls } from './support/ipc.ts';
import { cpuMs, loadAverage, rssMb } from './support/process-figures.ts';
import { VIEWER_CPU } from './support/senders.ts';

const ROUNDS = Number(process.argv[2] ?? 8);
const SLICE_MS = 4_000;
const PER_SECOND = 10_000;
const AGENT_CPU = 0;
const FPS = 30;
const PICTURE_MS = 1_000 / FPS;
/** The device takes half of it and is not to be worn down to less. */
const MIN_TAKEN_PER_SECOND = 3_000;

interface Slice {
  pictures: number;
  lost: number;
  longestGapMs: number;
  agentPercent: number;
}

const site = await AgentSite.start({
  cpu: AGENT_CPU,
  cameras: {
    front: {
      source: { type: 'test' },
      audio: { enabled: false },
      dataChannel: { echo: true },
      video: { renditions: { high: { width: 1280, height: 720, fps: FPS, bitrateKbps: 2500 } } },
    },
  },
});
const flooder = new ChildCalls(join(import.meta.dirname, 'support/flood-process.ts'), [], VIEWER_CPU);
const slices: Record<'without' | 'with', Slice[]> = { without: [], with: [] };
const floods: Flood[] = [];
let rss: number[] = [];
try {
  const { cloud } = site.site;
  const channelName = site.site.channelOf('front');
  const watchers = [
    await LiveViewer.join(cloud, channelName, 'watcher-1'),
    await LiveViewer.join(cloud, channelName, 'watcher-2'),
  ];
  const offer: string = JSON.parse(await flooder.call({ type: 'offer' }));
  await flooder.call({ type: 'accept', answer: await site.answer('front', offer) });

  const slice = async (work: Promise<unknown>): Promise<Slice> => {
    for (const watcher of watchers) watcher.begin();
    const cpuBefore = cpuMs(site.pid);
    const startedAt = performance.now();
    await work;
    const agentPercent = (100 * (cpuMs(site.pid) - cpuBefore)) / (performance.now() - startedAt);
    const seen = watchers.map((watcher) => ({
      pictures: watcher.pictures,
      lost: watcher.lost,
      longestGapMs: watcher.standstill().ms,
    }));
    return {
      pictures: Math.min(...seen.map(({ pictures }) => pictures)),
      lost: Math.max(...seen.map(({ lost }) => lost)),
      longestGapMs: Math.max(...seen.map(({ longestGapMs }) => longestGapMs)),
      agentPercent,
    };
  };
  const flood = async () => {
    const done: Flood = JSON.parse(
      await flooder.call({ type: 'flood', perSecond: PER_SECOND, ms: SLICE_MS }),
    );
    floods.push(done);
  };
  await sleep(3_000);
  rss = [rssMb(site.pid)];
  for (let round = 0; round < ROUNDS; round += 1) {
    slices.without.push(await slice(sleep(SLICE_MS)));
    slices.with.push(await slice(flood()));
    // What is still on its way belongs to the flood.
    await sleep(1_000);
  }
  rss.push(rssMb(site.pid));
  for (const watcher of watchers) watcher.close();
} finally {
  await flooder.close();
  await site.close();
}

const middle = (of: readonly Slice[], pick: (slice: Slice) => number) => median(of.map(pick));
const row = (name: string, of: readonly Slice[]) =>
  [
    name,
    middle(of, ({ pictures }) => pictures),
    of.reduce((sum, { lost }) => sum + lost, 0),
    middle(of, ({ longestGapMs }) => longestGapMs),
    Math.max(...of.map(({ longestGapMs }) => longestGapMs)),
    middle(of, ({ agentPercent }) => agentPercent),
  ] as const;
const columns = [
  'the others’ pictures',
  'in 4 s',
  'packets lost',
  'longest gap ms, median',
  'longest',
  'agent % CPU',
];
const rows = [row('without a flood', slices.without), row('with', slices.with)];
const wanted = median(floods.map(({ messages }) => messages)) / (SLICE_MS / 1_000);
const taken = median(floods.map(({ echoed }) => echoed)) / (SLICE_MS / 1_000);
process.stdout.write(`${table(columns, rows)}\n`);
process.stdout.write(
  `${Math.round(wanted)} messages a second sent, ${Math.round(taken)} echoed; agent ${rss.map(Math.round).join(' then ')} MB; load ${loadAverage()}\n`,
);
const bounds: Array<[name: string, isWithin: boolean]> = [
  ['the flood is one', wanted >= 0.99 * PER_SECOND && taken >= MIN_TAKEN_PER_SECOND],
  ['no packet lost', slices.with.every(({ lost }) => lost === 0)],
  [
    'no picture missing',
    middle(slices.with, ({ pictures }) => pictures) >= middle(slices.without, ({ pictures }) => pictures) - 1,
  ],
  [
    'gaps longer by a picture at most',
    middle(slices.with, ({ longestGapMs }) => longestGapMs) <=
      middle(slices.without, ({ longestGapMs }) => longestGapMs) + PICTURE_MS,
  ],
];
for (const [name, isWithin] of bounds) process.stdout.write(`${isWithin ? 'within' : 'ABOVE '}  ${name}\n`);
process.exitCode = bounds.every(([, isWithin]) => isWithin) ? 0 : 1;
