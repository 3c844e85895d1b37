import type { CameraConfig } from '../config/config.ts';
import type { CameraStatus } from './camera-health.ts';
import type { Camera } from './camera.ts';
import type { AccessUnitListener } from './camera.ts';

/** Somebody who holds the camera, and what of it. */
interface Holder {
  take: (camera: Camera) => { release(): void };
  release: () => void;
}

/**
 * The place of one camera, whose capture can be replaced while it is used: whoever holds it keeps holding it, and listeners hear the
 * new one after the old one has ended, so that a device is never opened twice.
 */
export class CameraSlot {
  readonly #create: (config: CameraConfig) => Camera;
  readonly #listener: AccessUnitListener;
  readonly #onStatus: () => void;
  readonly #holders = new Set<Holder>();
  #camera: Camera;
  #next: { camera: Camera; running: () => void } | undefined;
  #stopCurrent: () => void = () => {};

  constructor(
    config: CameraConfig,
    create: (config: CameraConfig) => Camera,
    onAccessUnit: AccessUnitListener,
    onStatus: () => void,
  ) {
    this.#create = create;
    this.#listener = onAccessUnit;
    this.#onStatus = onStatus;
    this.#camera = this.#created(config);
  }

  status(): CameraStatus {
    return this.#camera.status();
  }

  /** Keeps the camera, and any that replaces it, running until released (idempotent). */
  acquire(): { release(): void } {
    return this.#acquire((camera) => camera.acquire());
  }

  /** Has the camera, and any that replaces it, produce a rendition until released (idempotent). */
  acquireRendition(name: string): { release(): void } {
    return this.#acquire((camera) => camera.acquireRendition(name));
  }

  #acquire(take: Holder['take']): { release(): void } {
    const holder: Holder = { take, release: () => {} };
    this.#hold(holder);
    return {
      release: () => {
        this.#holders.delete(holder);
        holder.release();
      },
    };
  }

  /** Captures anew with another configuration; resolves when the old capture has ended and the new one begins. */
  async replace(config: CameraConfig): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#next?.running();
    this.#next = { camera: this.#created(config), running: resolve };
    this.#stopCurrent();
    await promise;
  }

  /** Resolves on abort, when the capture has ended. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const stop = new AbortController();
      this.#stopCurrent = () => stop.abort();
      if (this.#next) this.#adopt(this.#next);
      await this.#camera.run(AbortSignal.any([signal, stop.signal]));
    }
    this.#next?.running();
  }

  #adopt({ camera, running }: { camera: Camera; running: () => void }): void {
    this.#next = undefined;
    this.#camera = camera;
    for (const holder of this.#holders) this.#hold(holder);
    this.#onStatus();
    running();
  }

  #hold(holder: Holder): void {
    const lease = holder.take(this.#camera);
    holder.release = () => lease.release();
    this.#holders.add(holder);
  }

  #created(config: CameraConfig): Camera {
    const camera = this.#create(config);
    camera.onAccessUnit((track, unit) => camera === this.#camera && this.#listener(track, unit));
    camera.onStatus(() => camera === this.#camera && this.#onStatus());
    return camera;
  }
}
