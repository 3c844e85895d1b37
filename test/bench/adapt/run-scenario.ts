import type { Browser } from 'playwright-core';
import { NetworkLab } from '../../support/network-lab.ts';
import { BulkFlow } from './bulk-receiver.ts';
import { startSender, type LabSender, type SenderMedia, type SenderName } from './lab-sender.ts';
import type { ShownStatus } from './ladder-sender.ts';
import { PageViewer, type PageFigures } from './page-viewer.ts';
import { Relays, type Way } from './relays.ts';
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
  /** The viewer with the slow link is there. */
  visited: boolean;
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
  const relays = new Relays();
  let device: LabSender | undefined;
  let bulk: BulkFlow | undefined;
  try {
    const steps = scenario.steps.toSorted((a, b) => a.atSeconds - b.atSeconds);
    if (steps[0]) lab.shape(steps[0].kbps, scenario.queueMs);
    if (scenario.lossPercent > 0) lab.lose(scenario.lossPercent);
    device = await startSender(senderName, lab, { ...media, rungs });
    if (scenario.bulk) bulk = await BulkFlow.start(lab);
    const { roundTripMs, jitterMs, slow } = scenario;
    const sender = device;
    const join = async (clientId: string, way: Way) => {
      const page = await PageViewer.open(browser);
      await relays.connect(page, (offer) => sender.offer(clientId, offer), way);
      return page;
    };
    const pages: PageViewer[] = [];
    for (let i = 0; i < scenario.viewers; i++)
      pages.push(await join(`viewer-${i}`, { roundTripMs, jitterMs }));
    const other =
      slow && new Visitor(slow.everySeconds, (id) => join(id, { roundTripMs, jitterMs, ...slow }));
    const samples = await watch(scenario, lab, device, pages, bulk, other);
    await Promise.all(pages.map((page) => page.close()));
    return samples;
  } finally {
    relays.close();
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
  other: Visitor | undefined,
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
    const visited = (await other?.update(seconds)) ?? false;
    const kbps = steps[step]?.kbps ?? 0;
    const queueMs = kbps > 0 ? (8 * lab.backlogBytes()) / kbps : 0;
    const [shown, ...figures] = await Promise.all([device.status(), ...pages.map((page) => page.figures())]);
    samples.push({ seconds, kbps, queueMs, shown, pages: figures, bulkBytes: bulk?.bytes ?? 0, visited });
    const waitMs = SAMPLE_MS * samples.length - (performance.now() - beganAtMs);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
  }
}

/** A viewer that comes and goes. */
class Visitor {
  readonly #everySeconds: number;
  readonly #join: (clientId: string) => Promise<PageViewer>;
  #page: PageViewer | undefined;
  #visits = 0;

  constructor(everySeconds: number, join: (clientId: string) => Promise<PageViewer>) {
    this.#everySeconds = everySeconds;
    this.#join = join;
  }

  /** Whether it is there at this time of the run: not at first. */
  async update(seconds: number): Promise<boolean> {
    const isDue = Math.floor(seconds / this.#everySeconds) % 2 === 1;
    if (isDue && !this.#page) this.#page = await this.#join(`visitor-${this.#visits++}`);
    if (!isDue) {
      await this.#page?.close();
      this.#page = undefined;
    }
    return isDue;
  }
}
