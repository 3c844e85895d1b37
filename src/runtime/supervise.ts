import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import { backoff, type BackoffOptions } from './backoff.ts';
import { pause, type Clock } from './clock.ts';
import type { Random } from './random.ts';

/** A long-lived part: resolves when `signal` aborts, rejects when it fails, never retries by itself. */
export type Run = (signal: AbortSignal) => Promise<void>;

export interface SuperviseOptions {
  /** Names the part in the log, e.g. `signaling`. */
  name: string;
  clock: Clock;
  random: Random;
  log: Log;
  backoff?: BackoffOptions;
  /** Told of every failure before the wait; `delayMs` is that wait. */
  onFailure?: (error: unknown, delayMs: number) => void;
  /** Asked after each failure: when it aborts, somebody waits for the part, and the next run begins at once. */
  hurry?: () => AbortSignal;
  /** Asked before each run: when it aborts, what stood in the way may be gone (the network is back), and the backoff begins anew. */
  restored?: () => AbortSignal;
}

const DEFAULT_BACKOFF: BackoffOptions = { baseMs: 500, maxMs: 60_000 };
/** A run that lasted this long was healthy: the next failure starts the backoff anew. */
const HEALTHY_MS = 60_000;
/** From the beginning of a run to that of the next one, however much in a hurry somebody is. */
const HURRIED_INTERVAL_MS = 500;

/**
 * The only retry loop: runs a part again after each failure, with exponential backoff and full jitter, until
 * `signal` aborts. An outage is two log lines: its first failure (warn) and its end (info).
 */
export async function supervise(run: Run, signal: AbortSignal, options: SuperviseOptions): Promise<void> {
  const { name, clock, random, log } = options;
  const newDelays = () => backoff(options.backoff ?? DEFAULT_BACKOFF, random);
  let delays = newDelays();
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    // One healthy minute after a failure ends the outage.
    const healthy = clock.after(HEALTHY_MS, () => {
      if (failures > 0) log.info({ part: name, failures }, 'recovered');
      failures = 0;
      delays = newDelays();
    });
    const restored = options.restored?.() ?? signal;
    try {
      await run(signal);
      if (signal.aborted) return;
      throw new Error(`${name} ended without a reason`);
    } catch (error) {
      if (signal.aborted) return;
      const delayMs = delays.next().value;
      const details = {
        part: name,
        error: errorText(error),
        retryInMs: delayMs,
        ranMs: Math.round(clock.monotonic() - startedAt),
      };
      failures += 1;
      if (failures === 1) log.warn(details, 'failed, will be retried');
      else log.debug(details, 'failed again');
      const hurried = options.hurry?.() ?? signal;
      options.onFailure?.(error, delayMs);
      const leastMs = Math.min(delayMs, Math.max(0, startedAt + HURRIED_INTERVAL_MS - clock.monotonic()));
      await pause(clock, leastMs, signal);
      await pause(clock, delayMs - leastMs, signal, hurried, restored);
      if (!restored.aborted || signal.aborted) continue;
      // The first delay again: others of the same site are back as well.
      delays = newDelays();
      await pause(clock, delays.next().value, signal);
    } finally {
      healthy.cancel();
    }
  }
}
