import { setTimeout as sleep } from 'node:timers/promises';
import type { MediaFile } from './media-file.ts';
import { cpuMs, loadAverage, rssMb } from './process-figures.ts';
import { VIEWER_CPU, type Variant } from './senders.ts';
import { Viewers } from './viewers.ts';

/** One program at one load for some seconds. */
export interface LoadFigures {
  cpuPerPacketUs: number;
  /** Of one processor. */
  cpuPercent: number;
  packetsPerSecond: number;
  lost: number;
  rssMb: number;
  loadAverage: number;
}

export interface LoadTimes {
  warmUpMs: number;
  measureMs: number;
}

/** Starts a program, gives it viewers, and measures it. */
export async function measureLoad(
  variant: Variant,
  media: MediaFile,
  viewerCount: number,
  { warmUpMs, measureMs }: LoadTimes,
): Promise<LoadFigures> {
  const sender = await variant.start(media);
  const viewers = new Viewers(VIEWER_CPU);
  try {
    for (let i = 0; i < viewerCount; i++) await sender.addViewer(viewers, `viewer-${i}`);
    await sleep(warmUpMs);
    return await measure(sender.pid, viewers, measureMs);
  } finally {
    await viewers.close();
    await sender.close();
  }
}

/** CPU time and packets of a program that is already at work. */
export async function measure(pid: number, viewers: Viewers, measureMs: number): Promise<LoadFigures> {
  const before = await viewers.counts();
  const cpuBefore = cpuMs(pid);
  const startedAt = performance.now();
  await sleep(measureMs);
  const cpu = cpuMs(pid) - cpuBefore;
  const tookMs = performance.now() - startedAt;
  const after = await viewers.counts();
  const lost = after.lost - before.lost;
  const packets = after.packets - before.packets + lost;
  return {
    cpuPerPacketUs: (cpu * 1000) / packets,
    cpuPercent: (100 * cpu) / tookMs,
    packetsPerSecond: (packets * 1000) / tookMs,
    lost,
    rssMb: rssMb(pid),
    loadAverage: loadAverage(),
  };
}
