import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser } from 'playwright-core';
import { NetworkLab } from '../../support/network-lab.ts';
import { BulkFlow } from './bulk-receiver.ts';
import { startSender, type LabSender, type SenderMedia, type SenderName } from './lab-sender.ts';
import type { ShownStatus } from './ladder-sender.ts';
import { PageViewer, type PageFigures } from './page-viewer.ts';
import type { Scenario } from './scenarios.ts';

const SAMPLE_MS = 200;

export interface Sample {
  seconds: number;
  kbps: number;
  queueMs: number;
  shown: ShownStatus[];
  pages: PageFigures[];
  /** Of the bulk flow, since the start. */
  bulkBytes: number;
}

/** Runs one scenario: the sender in its own network, Chromium as viewer on this machine. */
export async function runScenario(
  scenario: Scenario,
  senderName: SenderName,
  media: SenderMedia,
  browser: Browser,
): Promise<Sample[]> {
  const lab = NetworkLab.create();
  const rungs = media.rungs.filter(({ name }) => scenario.rungs?.includes(name) ?? true);
  const relays: ChildProcess[] = [];
  let device: LabSender | undefined;
  let bulk: BulkFlow | undefined;
  try {
    const steps = scenario.steps.toSorted((a, b) => a.atSeconds - b.atSeconds);
    if (steps[0]) lab.shape(steps[0].kbps, scenario.queueMs);
    if (scenario.lossPercent > 0) lab.lose(scenario.lossPercent);
    device = await startSender(senderName, lab, { ...media, rungs });
    if (scenario.bulk) bulk = await BulkFlow.start(lab);
    const pages: PageViewer[] = [];
    for (let i = 0; i < scenario.viewers; i++) {
      const page = await PageViewer.open(browser);
      const answer = await device.offer(`viewer-${i}`, await page.offer());
      await page.accept(await viaRelay(answer, scenario, relays));
      pages.push(page);
    }
    const samples = await watch(scenario, lab, device, pages, bulk);
    await Promise.all(pages.map((page) => page.close()));
    return samples;
  } finally {
    for (const relay of relays) relay.kill();
    await bulk?.close();
    await device?.close();
    lab.close();
  }
}

async function watch(
  scenario: Scenario,
  lab: NetworkLab,
  device: LabSender,
  pages: readonly PageViewer[],
  bulk: BulkFlow | undefined,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const steps = scenario.steps.toSorted((a, b) => a.atSeconds - b.atSeconds);
  let step = 0;
  const beganAtMs = performance.now();
  for (;;) {
    const seconds = (performance.now() - beganAtMs) / 1000;
    if (seconds >= scenario.seconds) return samples;
    const next = steps[step + 1];
    if (next && seconds >= next.atSeconds) {
      lab.shape(next.kbps, scenario.queueMs);
      step += 1;
    }
    const kbps = steps[step]?.kbps ?? 0;
    const queueMs = kbps > 0 ? (8 * lab.backlogBytes()) / kbps : 0;
    const [shown, ...figures] = await Promise.all([device.status(), ...pages.map((page) => page.figures())]);
    samples.push({ seconds, kbps, queueMs, shown, pages: figures, bulkBytes: bulk?.bytes ?? 0 });
    const waitMs = SAMPLE_MS * samples.length - (performance.now() - beganAtMs);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
  }
}

/** The answer with a relay's address in place of the device's. */
async function viaRelay(
  answer: string,
  { roundTripMs, jitterMs }: Scenario,
  relays: ChildProcess[],
): Promise<string> {
  if (roundTripMs === 0 && jitterMs === 0) return answer;
  const candidate = /a=candidate:\S+ 1 udp \d+ (10\.212\.\S+) (\d+) typ host/i.exec(answer);
  if (!candidate) throw new Error(`no host candidate of the device in ${answer}`);
  const [line, address = '', port = ''] = candidate;
  const relay = fork(
    join(import.meta.dirname, 'delay-relay.ts'),
    [address, port, String(roundTripMs / 2), String(jitterMs)],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  );
  relays.push(relay);
  const [relayPort]: unknown[] = await once(createInterface(relay.stdout!), 'line');
  const others = /^a=candidate:.*\r\n/gm;
  const relayed = line.replace(`${address} ${port}`, `127.0.0.1 ${String(relayPort)}`);
  return answer.replace(others, '').replace(/^a=ice-ufrag/m, `${relayed}\r\na=ice-ufrag`);
}
