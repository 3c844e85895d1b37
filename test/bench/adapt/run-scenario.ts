import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser } from 'playwright-core';
import { NetworkLab } from '../../support/network-lab.ts';
import type { LadderRung } from './ladder-media.ts';
import type { SenderRequest, ShownStatus } from './ladder-sender.ts';
import { PageViewer, type PageFigures } from './page-viewer.ts';
import type { Scenario } from './scenarios.ts';

const SAMPLE_MS = 200;

export interface Sample {
  seconds: number;
  kbps: number;
  queueMs: number;
  shown: ShownStatus[];
  pages: PageFigures[];
}

/** Runs one scenario: the device with the ladder in its own network, Chromium on this machine. */
export async function runScenario(
  scenario: Scenario,
  ladder: readonly LadderRung[],
  browser: Browser,
  tracePath: string,
): Promise<Sample[]> {
  const lab = NetworkLab.create();
  const rungs = ladder.filter(({ name }) => scenario.rungs?.includes(name) ?? true);
  const device = new DeviceProcess(lab, rungs, tracePath);
  const relays: ChildProcess[] = [];
  try {
    const steps = scenario.steps.toSorted((a, b) => a.atSeconds - b.atSeconds);
    if (steps[0]) lab.shape(steps[0].kbps, scenario.queueMs);
    if (scenario.lossPercent > 0) lab.lose(scenario.lossPercent);
    const pages: PageViewer[] = [];
    for (let i = 0; i < scenario.viewers; i++) {
      const page = await PageViewer.open(browser);
      const answer = await device.offer(`viewer-${i}`, await page.offer());
      await page.accept(await viaRelay(answer, scenario, relays));
      pages.push(page);
    }
    const samples = await watch(scenario, lab, device, pages);
    await Promise.all(pages.map((page) => page.close()));
    return samples;
  } finally {
    for (const relay of relays) relay.kill();
    await device.close();
    lab.close();
  }
}

async function watch(
  scenario: Scenario,
  lab: NetworkLab,
  device: DeviceProcess,
  pages: readonly PageViewer[],
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
    samples.push({ seconds, kbps, queueMs, shown, pages: figures });
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

/** The sender, in the device's network. */
class DeviceProcess {
  readonly #child: ChildProcess;
  #calls = 0;

  constructor(lab: NetworkLab, rungs: readonly LadderRung[], tracePath: string) {
    const [program = '', ...prefix] = lab.launcher;
    const script = join(import.meta.dirname, 'ladder-sender.ts');
    this.#child = spawn(program, [...prefix, process.execPath, script, JSON.stringify(rungs), tracePath], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.setMaxListeners(0);
  }

  async offer(clientId: string, offer: string): Promise<string> {
    return JSON.parse(await this.#call({ type: 'offer', clientId, offer }));
  }

  async status(): Promise<ShownStatus[]> {
    return JSON.parse(await this.#call({ type: 'status' }));
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }

  #call(request: SenderRequest): Promise<string> {
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      const take = (message: { call: number; answer?: string; error?: string }) => {
        if (message.call !== call) return;
        this.#child.off('message', take);
        if (message.error === undefined) resolve(message.answer ?? 'null');
        else reject(new Error(message.error));
      };
      this.#child.on('message', take);
      this.#child.once('exit', (code) => reject(new Error(`the sender ended with code ${code}`)));
      this.#child.send({ call, request: JSON.stringify(request) });
    });
  }
}
