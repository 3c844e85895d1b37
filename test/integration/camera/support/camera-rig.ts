import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { CameraStatus } from '../../../../src/camera/camera-health.ts';
import { Camera, type CameraOptions } from '../../../../src/camera/camera.ts';
import type { SourceConfig } from '../../../../src/config/config.ts';
import type { Log } from '../../../../src/log.ts';
import type { AccessUnit } from '../../../../src/rtp/access-unit.ts';
import { systemClock, type Clock } from '../../../../src/runtime/clock.ts';
import { systemRandom, type Random } from '../../../../src/runtime/random.ts';
import { cameraConfig, type ConfigChanges } from '../../../unit/camera/support/camera-config.ts';

export interface ReceivedUnit {
  track: string;
  unit: AccessUnit;
  /** Epoch milliseconds. */
  arrivedAt: number;
}

/** A picture that costs little to encode: several of these run beside each other. */
export const SMALL = { high: { width: 320, height: 180, fps: 15, bitrateKbps: 300 } };

export interface RigOptions extends ConfigChanges {
  ffmpegPath?: string;
  ffmpegNice?: number;
  resolveCredentials?: NonNullable<CameraOptions['resolveCredentials']>;
  clock?: Clock;
  random?: Random;
}

/** A running camera, all that it delivers, and what it logs. */
export class CameraRig {
  readonly camera: Camera;
  readonly units: ReceivedUnit[] = [];
  readonly statuses: CameraStatus[] = [];
  readonly logged: string[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;

  constructor(
    source: SourceConfig,
    {
      ffmpegPath = 'ffmpeg',
      ffmpegNice = 0,
      resolveCredentials,
      clock = systemClock,
      random = systemRandom,
      ...changes
    }: RigOptions = {},
  ) {
    const config = cameraConfig(source, {
      idleGraceSeconds: 0,
      ...changes,
      video: { renditions: SMALL, ...changes.video },
    });
    this.camera = new Camera({
      name: 'front',
      config,
      ffmpegPath,
      ffmpegNice,
      clock,
      random,
      log: this.#log(),
      ...(resolveCredentials && { resolveCredentials }),
    });
    this.camera.onAccessUnit((track, unit) => {
      this.units.push({ track, unit, arrivedAt: Date.now() });
      this.#wake();
    });
    this.camera.onStatus((status) => {
      this.statuses.push(status);
      this.#wake();
    });
    this.#run = this.camera.run(this.#stop.signal);
    after(() => this.stop());
  }

  of(track: string): ReceivedUnit[] {
    return this.units.filter((received) => received.track === track);
  }

  /** Resolves when `reached` holds; looks at every access unit and every change of status. */
  async until(what: string, reached: () => boolean, timeoutMs = 20_000): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const watcher = () => void (reached() && resolve());
    const timer = setTimeout(() => {
      reject(new Error(`${what} not within ${timeoutMs} ms: ${JSON.stringify(this.camera.status())}`));
    }, timeoutMs);
    this.#watchers.add(watcher);
    watcher();
    try {
      await promise;
    } finally {
      this.#watchers.delete(watcher);
      clearTimeout(timer);
    }
  }

  /** So many more access units of a track. */
  async more(track: string, count: number): Promise<void> {
    const wanted = this.of(track).length + count;
    await this.until(`${count} more of ${track}`, () => this.of(track).length >= wanted);
  }

  /** Resolves when everything has ended; idempotent. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #log(): Log {
    const write = (details: object, message: string) =>
      void this.logged.push(JSON.stringify({ ...details, message }));
    const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
    return log;
  }
}

/** A folder that is gone after the tests of this file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'camera-'));
  after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
