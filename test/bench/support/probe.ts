/**
 * Preload (`NODE_OPTIONS=--import=…/probe.ts`): watches how late the event loop runs its timers, and on SIGUSR2
 * writes the delays since the last time to the file that KVS_PROBE_FILE names.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds. */
export interface LoopDelay {
  p50: number;
  p99: number;
  max: number;
}

const ms = (nanoseconds: number) => nanoseconds / 1e6;
const file = process.env['KVS_PROBE_FILE'];
if (file !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  process.on('SIGUSR2', () => {
    const figures: LoopDelay = {
      p50: ms(delays.percentile(50)),
      p99: ms(delays.percentile(99)),
      max: ms(delays.max),
    };
    writeFileSync(`${file}.part`, JSON.stringify(figures));
    renameSync(`${file}.part`, file);
    delays.reset();
  });
}
