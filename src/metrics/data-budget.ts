import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Fault } from './alarms.ts';

export interface DataBudgetOptions {
  /** Where the month's sum outlives a restart; empty: nowhere. */
  stateDirectory: string;
  /** As of now; 0: no budget. */
  monthlyMegabytes: () => number;
  clock: Clock;
  log: Log;
}

interface Usage {
  /** `2025-01`, UTC. */
  month: string;
  bytes: number;
}

const FILE = 'data-usage.json';
const WARN_SHARE = 0.8;
const MEGABYTE = 1_000_000;
/** Sooner, the flash would wear for nothing. */
const STORE_EVERY_MS = 300_000;

/** Bytes sent to viewers in this calendar month (UTC), against what the device may send: for those that pay by the megabyte. */
export class DataBudget {
  readonly #options: DataBudgetOptions;
  #usage: Usage;
  #seenBytes = 0;
  #storedAtMs = -Infinity;

  constructor(options: DataBudgetOptions) {
    this.#options = options;
    this.#usage = { month: '', bytes: 0 };
  }

  get usedBytes(): number {
    return this.#usage.bytes;
  }

  /** Reads what was sent before the restart. */
  async load(): Promise<void> {
    const { stateDirectory } = this.#options;
    if (stateDirectory === '') return;
    try {
      const stored: unknown = JSON.parse(await readFile(join(stateDirectory, FILE), 'utf8'));
      if (isUsage(stored)) this.#usage = stored;
    } catch {
      // The first start, or a damaged file: counted from here.
    }
  }

  /** `totalBytes` sent since the agent's start. Stores the sum, at most every 5 minutes unless `mustStore`. */
  async update(totalBytes: number, mustStore = false): Promise<void> {
    const { clock } = this.#options;
    const month = new Date(clock.now()).toISOString().slice(0, 7);
    const grown = totalBytes >= this.#seenBytes ? totalBytes - this.#seenBytes : totalBytes;
    this.#seenBytes = totalBytes;
    this.#usage = { month, bytes: (month === this.#usage.month ? this.#usage.bytes : 0) + grown };
    if (!mustStore && (grown === 0 || clock.monotonic() - this.#storedAtMs < STORE_EVERY_MS)) return;
    this.#storedAtMs = clock.monotonic();
    await this.#store();
  }

  /** Why nothing more is to be sent; undefined while something may. */
  get exceeded(): string | undefined {
    return this.faults().find(({ alarm }) => alarm === 'data-budget-exceeded')?.reason;
  }

  /** From 80 % of the budget on. */
  faults(): Fault[] {
    const budget = this.#options.monthlyMegabytes();
    const used = this.#usage.bytes / MEGABYTE;
    if (budget === 0 || used < WARN_SHARE * budget) return [];
    const reason = `${Math.round(used)} of ${budget} MB were sent this month (metrics.monthlyMegabytes)`;
    return [{ alarm: used < budget ? 'data-budget-near' : 'data-budget-exceeded', reason }];
  }

  async #store(): Promise<void> {
    const { stateDirectory, log } = this.#options;
    if (stateDirectory === '') return;
    const file = join(stateDirectory, FILE);
    try {
      await mkdir(stateDirectory, { recursive: true });
      // Whole or not at all, whenever the power goes.
      await writeFile(`${file}.new`, JSON.stringify(this.#usage));
      await rename(`${file}.new`, file);
    } catch (error) {
      log.debug({ error: errorText(error) }, 'could not keep the sum of data sent');
    }
  }
}

function isUsage(value: unknown): value is Usage {
  if (typeof value !== 'object' || value === null) return false;
  if (!('month' in value) || !('bytes' in value)) return false;
  return typeof value.month === 'string' && typeof value.bytes === 'number' && value.bytes >= 0;
}
