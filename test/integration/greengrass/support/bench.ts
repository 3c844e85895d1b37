import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { MemoryBroker } from '../../../cloud/nucleus/broker.ts';
import type { Configuration } from '../../../cloud/nucleus/config-store.ts';
import { Nucleus, type NucleusOptions } from '../../../cloud/nucleus/nucleus.ts';
import type { Personality } from '../../../cloud/nucleus/recipe.ts';
import { ipcAddress, IpcClient } from '../../../../src/greengrass/ipc-client.ts';
import type { Log } from '../../../../src/log.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { systemRandom } from '../../../../src/runtime/random.ts';
import { supervise } from '../../../../src/runtime/supervise.ts';

export const PERSONALITIES: readonly Personality[] = ['classic', 'lite'];
export const COMPONENT = 'aws.kvs.WebRtcAgent';

/** What the recipe allows the agent. */
export const ACCESS_CONTROL: unknown = JSON.parse(
  readFileSync(new URL('../../../../recipe.json', import.meta.url), 'utf8'),
).ComponentConfiguration.DefaultConfiguration.accessControl;

export interface Bench {
  nucleus: Nucleus;
  broker: MemoryBroker;
  /** The component's. */
  env: Record<string, string>;
  rootPath: string;
}

/** A running nucleus with one component, which nobody runs yet. */
export async function startNucleus(
  context: TestContext,
  personality: Personality,
  configuration: Configuration = {},
  options: Partial<NucleusOptions> = {},
): Promise<Bench> {
  const rootPath = mkdtempSync(join(tmpdir(), 'kvs-nucleus-'));
  const files = { certificatePath: 'thing.pem', privateKeyPath: 'thing.key', rootCaPath: 'ca.pem' };
  const paths = {
    certificatePath: join(rootPath, files.certificatePath),
    privateKeyPath: join(rootPath, files.privateKeyPath),
    rootCaPath: join(rootPath, files.rootCaPath),
  };
  for (const path of Object.values(paths)) writeFileSync(path, 'PEM');
  const broker = new MemoryBroker();
  const nucleus = new Nucleus({
    personality,
    rootPath,
    broker,
    device: {
      thingName: 'porch',
      region: 'eu-west-1',
      roleAlias: 'CameraRole',
      credentialsEndpoint: 'c1.credentials.iot.eu-west-1.amazonaws.com',
      dataEndpoint: 'd1-ats.iot.eu-west-1.amazonaws.com',
      ...paths,
    },
    ...options,
  });
  await nucleus.start();
  context.after(async () => {
    await nucleus.stop();
    rmSync(rootPath, { recursive: true });
  });
  const env = nucleus.addComponent(COMPONENT, { accessControl: ACCESS_CONTROL, ...configuration });
  return { nucleus, broker, env, rootPath };
}

export interface LogLine {
  level: string;
  details: object;
  message: string;
}

/** Keeps what is logged. */
export class KeptLog implements Log {
  readonly lines: LogLine[] = [];
  readonly #listeners = new Set<() => void>();

  debug(details: object, message: string): void {
    this.#add('debug', details, message);
  }

  info(details: object, message: string): void {
    this.#add('info', details, message);
  }

  warn(details: object, message: string): void {
    this.#add('warn', details, message);
  }

  error(details: object, message: string): void {
    this.#add('error', details, message);
  }

  child(): Log {
    return this;
  }

  /** Resolves when a line has `message`. */
  until(message: string): Promise<LogLine> {
    return new Promise((resolve) => {
      const check = () => {
        const line = this.lines.find((each) => each.message === message);
        if (!line) return;
        this.#listeners.delete(check);
        resolve(line);
      };
      this.#listeners.add(check);
      check();
    });
  }

  #add(level: string, details: object, message: string): void {
    this.lines.push({ level, details, message });
    for (const listener of this.#listeners) listener();
  }
}

export interface RunningIpc {
  ipc: IpcClient;
  log: KeptLog;
  /** Resolves when `run` has failed, with the failure. */
  nextFailure: () => Promise<unknown>;
  stop: () => Promise<void>;
}

/** The agent's own client on that nucleus, supervised as in the agent but with short waits. */
export function startIpc(context: TestContext, env: Record<string, string>): RunningIpc {
  const log = new KeptLog();
  const address = ipcAddress(env);
  if (!address) throw new Error('no nucleus in the environment');
  const ipc = new IpcClient({ address, clock: systemClock, log });
  const controller = new AbortController();
  const waiting: ((failure: unknown) => void)[] = [];
  const ended = supervise((signal) => ipc.run(signal), controller.signal, {
    name: 'nucleus',
    clock: systemClock,
    random: systemRandom,
    log,
    backoff: { baseMs: 20, maxMs: 50 },
    onFailure: (error) => {
      for (const resolve of waiting.splice(0)) resolve(error);
    },
  });
  const stop = async () => {
    controller.abort();
    await ended;
  };
  context.after(stop);
  return { ipc, log, stop, nextFailure: () => new Promise((resolve) => waiting.push(resolve)) };
}

/** Resolves when `callback` was called with something that `accepts`. */
export class Heard<T> {
  readonly all: T[] = [];
  readonly #listeners = new Set<() => void>();

  readonly hear = (value: T): void => {
    this.all.push(value);
    for (const listener of this.#listeners) listener();
  };

  until(accepts: (value: T) => boolean = () => true): Promise<T> {
    return new Promise((resolve) => {
      const check = () => {
        const found = this.all.find(accepts);
        if (found === undefined) return;
        this.#listeners.delete(check);
        resolve(found);
      };
      this.#listeners.add(check);
      check();
    });
  }
}
