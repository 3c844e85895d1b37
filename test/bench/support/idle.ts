import { fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentSite, probeEnvironment, readProbe } from './agent-site.ts';
import { measure, type LoadTimes } from './load.ts';
import type { MediaFile } from './media-file.ts';
import { cpuMs, rssMb } from './process-figures.ts';
import { SENDER_CPU, VIEWER_CPU } from './senders.ts';
import { Viewers } from './viewers.ts';

/** The agent connected as master, nobody watching. */
export interface IdleFigures {
  /** Spawn to connected master. */
  startedInMs: number;
  rssMb: number;
  cpuPercent: number;
}

/** After the start: certificates, credentials and the first garbage collection are through. */
const SETTLE_MS = 5000;

export async function measureIdle(entry: string, measureMs: number): Promise<IdleFigures> {
  const agent = await AgentSite.start({ cameras: { front: { source: { type: 'test' } } }, entry });
  try {
    await sleep(SETTLE_MS);
    const before = cpuMs(agent.pid);
    const startedAt = performance.now();
    await sleep(2 * measureMs);
    const cpuPercent = (100 * (cpuMs(agent.pid) - before)) / (performance.now() - startedAt);
    return { startedInMs: agent.startedInMs, rssMb: rssMb(agent.pid), cpuPercent };
  } finally {
    await agent.close();
  }
}

export interface GrowthFigures {
  /** Milliseconds, 99 %. */
  loopDelayMs: number;
  controlDelayMs: number;
  /** What was measured, in words. */
  steps: string;
  /** Where CPU, which grows evenly with the viewers, reaches one processor. */
  viewersUntilFull: number;
}

const CAMERAS = 4;
const VIEWERS_EACH = 10;

/** One camera after the other gets its viewers; CPU is measured at each step, the event loop at the first. */
export async function measureGrowth(
  entry: string,
  media: MediaFile,
  times: LoadTimes,
): Promise<GrowthFigures> {
  const camera = { source: { type: 'file', path: media.moviePath }, video: { encoder: 'copy' } };
  const names = Array.from({ length: CAMERAS }, (_, i) => `camera-${i + 1}`);
  const cameras = Object.fromEntries(names.map((name) => [name, camera]));
  const agent = await AgentSite.start({ cameras, entry, cpu: SENDER_CPU, probe: true });
  const viewers = new Viewers(VIEWER_CPU);
  const control = startControl();
  const steps: Array<{ viewers: number; cpuPercent: number }> = [];
  let delays = { loopDelayMs: NaN, controlDelayMs: NaN };
  try {
    for (const name of names) {
      for (let i = 0; i < VIEWERS_EACH; i++)
        await viewers.add(`${name}-${i}`, (offer) => agent.answer(name, offer));
      await sleep(times.warmUpMs / 2);
      await Promise.all([agent.loopDelay(), control.delay()]);
      const { cpuPercent } = await measure(agent.pid, viewers, times.measureMs);
      const [own, other] = await Promise.all([agent.loopDelay(), control.delay()]);
      if (steps.length === 0) delays = { loopDelayMs: own.p99, controlDelayMs: other.p99 };
      steps.push({ viewers: (steps.length + 1) * VIEWERS_EACH, cpuPercent });
    }
  } finally {
    control.stop();
    await viewers.close();
    await agent.close();
  }
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last) throw new Error('nothing was measured');
  const perViewer = (last.cpuPercent - first.cpuPercent) / (last.viewers - first.viewers);
  return {
    ...delays,
    steps: steps.map((step) => `${step.viewers}: ${step.cpuPercent.toFixed(1)} %`).join(', '),
    viewersUntilFull: last.viewers + (100 - last.cpuPercent) / perViewer,
  };
}

/** A Node process that does nothing, to see how late the machine itself makes timers. */
export function startControl() {
  const file = join(import.meta.dirname, `../../output/control-${process.pid}.json`);
  const child = fork(join(import.meta.dirname, 'nothing.ts'), [], {
    execArgv: [],
    env: { ...process.env, ...probeEnvironment(file) },
  });
  return {
    delay: () => readProbe(child.pid ?? 0, file),
    stop: () => child.disconnect(),
  };
}
