import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a process started with this environment takes for the time of day; its monotonic clock is the real one. */
export class SettableClock {
  readonly environment: Record<string, string>;
  readonly #file: string;

  /** `time` in faketime's words: `@1970-01-01 00:00:10`, `-10m`, `+0`. */
  constructor(folder: string, time: string) {
    const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');
    if (library === undefined) throw new Error('libfaketime is not installed: sh test/setup.sh test');
    this.#file = join(folder, 'time-of-day');
    this.set(time);
    this.environment = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  set(time: string): void {
    writeFileSync(this.#file, time);
  }
}
