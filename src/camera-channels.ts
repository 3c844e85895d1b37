import type { CameraChannel, CameraChannelStatus } from './camera-channel.ts';
import type { CameraConfig } from './config/config.ts';
import type { CameraStatus as CameraSummary } from './iot/device-status.ts';

interface Running {
  channel: CameraChannel;
  stop: () => void;
  ended: Promise<void>;
}

/** The cameras of the device: whatever the configuration says runs, and a change touches only what it names. */
export class CameraChannels {
  readonly #create: (name: string, config: CameraConfig) => CameraChannel;
  readonly #running = new Map<string, Running>();
  #closed = false;

  constructor(create: (name: string, config: CameraConfig) => CameraChannel) {
    this.#create = create;
  }

  status(): Record<string, CameraChannelStatus> {
    return Object.fromEntries([...this.#running].map(([name, { channel }]) => [name, channel.status]));
  }

  /** Those that run. */
  get all(): CameraChannel[] {
    return [...this.#running.values()].map(({ channel }) => channel);
  }

  /** For the status shadow. */
  summary(): Record<string, CameraSummary> {
    const entries = [...this.#running].map(([name, { channel }]): [string, CameraSummary] => {
      const { camera, viewers, rendition, slowest, recording } = channel.status;
      const { state, reason, lastFrameAt } = camera;
      const summary: CameraSummary = { state, viewers };
      if (reason !== undefined) summary.reason = reason;
      if (rendition !== undefined) summary.rendition = rendition;
      if (lastFrameAt !== undefined) summary.lastFrameAt = lastFrameAt;
      if (slowest) summary.slowest = slowest;
      if (recording) summary.recording = recording;
      return [name, summary];
    });
    return Object.fromEntries(entries);
  }

  find(name: string): CameraChannel | undefined {
    return this.#running.get(name)?.channel;
  }

  /** Makes `cameras` what runs. An abort leaves it half done; the next call goes on from there. */
  async apply(cameras: Record<string, CameraConfig>, signal: AbortSignal): Promise<void> {
    await Promise.all(
      [...this.#running].map(async ([name, { channel }]) => {
        const config = cameras[name];
        if (config && (await channel.reconfigure(config))) return;
        await this.#stop(name);
      }),
    );
    if (signal.aborted || this.#closed) return;
    for (const [name, config] of Object.entries(cameras))
      if (!this.#running.has(name)) this.#start(name, config);
  }

  /** Settles when every camera has ended; nothing is started afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running.keys()].map((name) => this.#stop(name)));
  }

  #start(name: string, config: CameraConfig): void {
    const controller = new AbortController();
    const channel = this.#create(name, config);
    this.#running.set(name, {
      channel,
      stop: () => controller.abort(),
      ended: channel.run(controller.signal),
    });
  }

  async #stop(name: string): Promise<void> {
    const running = this.#running.get(name);
    running?.stop();
    await running?.ended;
    this.#running.delete(name);
  }
}
