import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentSite, type AgentSiteOptions } from './agent-site.ts';
import { latencies } from './departures.ts';
import { quantile } from './figures.ts';
import type { MediaFile } from './media-file.ts';
import { SENDER_CPU, VIEWER_CPU } from './senders.ts';
import { Viewers } from './viewers.ts';
import { WireClock } from './wire-clock.ts';

const SOURCE = join(import.meta.dirname, 'stamped-source.ts');

/** Milliseconds from the source's write, through ffmpeg and the agent, to the first packet's leaving. */
export interface CaptureToWire {
  frames: number;
  /** To the viewer that is served first. */
  firstP50: number;
  firstP99: number;
  /** To the viewer that is served last. */
  lastP50: number;
  lastP99: number;
}

/** A source that stamps each frame when it writes it, watched by `viewerCount` viewers. */
export async function measureCaptureToWire(
  media: MediaFile,
  viewerCount: number,
  { entry, warmUpMs, measureMs }: Pick<AgentSiteOptions, 'entry'> & { warmUpMs: number; measureMs: number },
): Promise<CaptureToWire> {
  const command = [process.execPath, SOURCE, media.annexBPath, String(media.fps)];
  const cameras = {
    front: { source: { ref: 'stamped' }, video: { encoder: 'copy' }, audio: { enabled: false } },
  };
  const settings = { sources: { stamped: { type: 'command', command, format: 'nut' } } };
  const agent = await AgentSite.start({ cameras, settings, cpu: SENDER_CPU, ...(entry && { entry }) });
  const viewers = new Viewers(VIEWER_CPU);
  const wire = await WireClock.start(VIEWER_CPU);
  try {
    for (let i = 0; i < viewerCount; i++)
      await viewers.add(`viewer-${i}`, (offer) => agent.answer('front', offer));
    await sleep(warmUpMs);
    await wire.take();
    await sleep(measureMs);
    const { first, last } = latencies(await wire.take(), await viewers.mappings(), viewerCount);
    return {
      frames: first.length,
      firstP50: quantile(first, 0.5),
      firstP99: quantile(first, 0.99),
      lastP50: quantile(last, 0.5),
      lastP99: quantile(last, 0.99),
    };
  } finally {
    await wire.close();
    await viewers.close();
    await agent.close();
  }
}
