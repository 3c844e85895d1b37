/**
 * What lost packets do to speech in Chromium, with and without Opus' in-band FEC, all codings at the same time on the same lossy way:
 * share of the sound that had to be made up (concealed), beside the rate that each coding takes.
 *   node test/bench/sound-loss.ts [PERCENT LOST] [SECONDS]      root, for the network laboratory; prints, and has no bound
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchBrowser } from '../e2e/support/browser.ts';
import { NetworkLab } from '../support/network-lab.ts';
import { ProcessSender } from './adapt/lab-sender.ts';
import { PageViewer } from './adapt/page-viewer.ts';
import { prepareSpeech, SOUND_MS, type SoundCoding } from './adapt/sound-media.ts';
import { table } from './support/figures.ts';

const [percent = 5, seconds = 60] = process.argv.slice(2).map(Number);
const KBPS = [24, 32, 48];
/** As the agent encodes; for speech; and both with FEC. The general mode gives up music for FEC where it is told of more than 5 %. */
const KINDS: [string, string][] = [
  ['audio', '-application audio'],
  ['audio-fec', '-application audio -fec 1 -packet_loss 10'],
  ['voip', '-application voip'],
  ['voip-fec', '-application voip -fec 1 -packet_loss 10'],
];
const CODINGS: SoundCoding[] = KBPS.flatMap((kbps) =>
  KINDS.map(([kind, options]) => ({
    name: `${kbps}k-${kind}`,
    options: `${options} -compression_level 5 -b:a ${kbps}k`,
  })),
);

async function kbpsOf(coding: SoundCoding): Promise<number> {
  const packets = await prepareSpeech(coding);
  return (8 * packets.reduce((sum, { length }) => sum + length, 0)) / packets.length / SOUND_MS;
}

function share(part: number, whole: number): number {
  return Number(((100 * part) / whole).toFixed(2));
}

const rates = [];
for (const coding of CODINGS) rates.push(await kbpsOf(coding));
const lab = NetworkLab.create();
const browser = await launchBrowser();
try {
  const sender = new ProcessSender(lab, join(import.meta.dirname, 'adapt/sound-sender.ts'), [
    JSON.stringify(CODINGS),
  ]);
  const pages: PageViewer[] = [];
  for (const { name } of CODINGS) {
    const page = await PageViewer.open(browser);
    await page.accept(await sender.offer(name, await page.offer()));
    pages.push(page);
  }
  lab.lose(percent);
  await sleep(seconds * 1000);
  const rows = [];
  for (const [i, page] of pages.entries()) {
    const { packetsLost, packets, concealed, events, samples, fecPackets } = await page.sound();
    rows.push([
      CODINGS[i]!.name,
      Number(rates[i]!.toFixed(1)),
      share(packetsLost, packets + packetsLost),
      share(concealed, samples),
      events,
      fecPackets,
    ]);
  }
  const header = ['speech', 'kbps', 'lost, %', 'concealed, %', 'concealments', 'repaired by FEC'];
  process.stdout.write(`${table(header, rows)}\n`);
  await sender.close();
} finally {
  await browser.close();
  lab.close();
}
