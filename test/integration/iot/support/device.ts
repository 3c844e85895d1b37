import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createLog, type Log } from '../../../../src/log.ts';
import { directMqtt } from '../../../../src/iot/direct-mqtt.ts';
import {
  MqttConnection,
  type MessageBus,
  type MqttConnectionOptions,
} from '../../../../src/iot/mqtt-connection.ts';
import { systemClock, type Clock } from '../../../../src/runtime/clock.ts';
import { systemRandom } from '../../../../src/runtime/random.ts';
import { supervise, type Run } from '../../../../src/runtime/supervise.ts';
import type { Device, LocalCloud } from '../../../cloud/local-cloud.ts';

export const quiet: Log = Object.assign(createLog('error'), { level: 'silent' });

/** Time that runs `factor` times as fast, so that a wait of an hour ends in a test. */
export function fasterClock(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    after: (delayMs, callback) => systemClock.after(delayMs / factor, callback),
    every: (intervalMs, callback) => systemClock.every(intervalMs / factor, callback),
  };
}

/** Supervised as in the agent, with short waits. */
export function keepRunning(name: string, run: Run, signal: AbortSignal): Promise<void> {
  return supervise(run, signal, {
    name,
    clock: systemClock,
    random: systemRandom,
    log: quiet,
    backoff: { baseMs: 20, maxMs: 100 },
  });
}

/** Also those of a test that failed. */
const running = new Set<ConnectedDevice>();

/** A device on the local IoT Core: over its own MQTT connection, or another transport. */
export class ConnectedDevice {
  readonly bus: MqttConnection;
  readonly thingName: string;
  readonly cloud: LocalCloud;
  readonly #stop = new AbortController();
  readonly #parts: Promise<void>[] = [];
  readonly #carriers: (() => Promise<void>)[] = [];

  constructor(
    cloud: LocalCloud,
    device: Device,
    options: Partial<MqttConnectionOptions> & { proxyEnv?: Record<string, string>; endpoint?: string } = {},
  ) {
    const { proxyEnv, endpoint = cloud.iot.endpoint, ...rest } = options;
    const transport = directMqtt({
      ...device,
      endpoint,
      clock: systemClock,
      ...(proxyEnv && { proxyEnv }),
    });
    this.cloud = cloud;
    this.thingName = device.thingName;
    this.bus = new MqttConnection({
      transport,
      clock: systemClock,
      random: systemRandom,
      log: quiet,
      ...rest,
    });
  }

  start(): void {
    running.add(this);
    this.run('mqtt', (signal) => this.bus.run(signal));
  }

  run(name: string, run: Run): void {
    this.#parts.push(keepRunning(name, run, this.#stop.signal));
  }

  /** What carries its connection ends after it. */
  endsWith(close: () => Promise<void>): void {
    this.#carriers.push(close);
  }

  async close(): Promise<void> {
    running.delete(this);
    this.#stop.abort();
    await Promise.all(this.#parts);
    for (const close of this.#carriers.splice(0)) await close();
  }
}

/**
 * The native MQTT clients hold the process until they are garbage; and where it exits while the library's thread still
 * puts them away, it hangs for good. So they are collected now, and the process stays a moment longer.
 */
export async function closeCloud(cloud: LocalCloud): Promise<void> {
  const own = [...running].filter((device) => device.cloud === cloud);
  await Promise.all(own.map((device) => device.close()));
  await cloud.close();
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  setImmediate(collect);
  setTimeout(collect, 200);
  setTimeout(() => undefined, 400);
}

/** Resolves when connected, at once where it is already. */
export function connected(bus: MessageBus): Promise<void> {
  return told(bus.connected, (listener) => bus.onConnected(listener));
}

export function disconnected(bus: MessageBus): Promise<void> {
  return told(!bus.connected, (listener) => bus.onDisconnected(listener));
}

function told(already: boolean, listen: (listener: () => void) => () => void): Promise<void> {
  if (already) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = listen(() => {
      stop();
      resolve();
    });
  });
}

/** What arrives at a place, to be waited for. */
export class Inbox<T> {
  readonly items: T[] = [];
  #waiting: (() => void)[] = [];

  add(item: T): void {
    this.items.push(item);
    for (const check of this.#waiting.splice(0)) check();
  }

  /** Resolves with the first item, past or to come, that fits; the test's own time limit ends a vain wait. */
  find(fits: (item: T) => boolean): Promise<T> {
    return new Promise((resolve) => {
      const check = () => {
        const found = this.items.find(fits);
        if (found === undefined) this.#waiting.push(check);
        else resolve(found);
      };
      check();
    });
  }

  /** Resolves when `count` items have arrived. */
  async count(count: number): Promise<T[]> {
    await this.find(() => this.items.length >= count);
    return this.items;
  }
}
