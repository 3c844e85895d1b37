import { errorText } from './errors.ts';
import { BadCommandError, Commands, type Command } from './iot/commands.ts';
import type { DesiredConfig } from './iot/desired-config.ts';
import { DeviceShadow } from './iot/device-shadow.ts';
import { compact, DeviceStatus, type CameraStatus } from './iot/device-status.ts';
import { MQTT_BACKOFF, type MqttConnection } from './iot/mqtt-connection.ts';
import type { Log } from './log.ts';
import { aborted, type Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { supervise, type Run } from './runtime/supervise.ts';
import { agentVersion } from './version.ts';

export interface IotLinkOptions {
  mqtt: MqttConnection;
  thingName: string;
  shadowName: string;
  desired: DesiredConfig;
  cameras: () => Record<string, CameraStatus>;
  /** @throws Error when there is no such camera. */
  restartCamera: (name: string) => Promise<void>;
  snapshot: Command;
  /** Reads the local configuration again. */
  reload: () => Promise<void>;
  allowedCommands: readonly string[];
  /** As for `supervise`. */
  restored: () => AbortSignal;
  clock: Clock;
  random: Random;
  log: Log;
}

/** What ties the agent to IoT Core: the shadow that configures it, the shadow that tells its state, and commands. */
export class IotLink {
  readonly #options: IotLinkOptions;
  readonly #shadow: DeviceShadow;
  readonly #statusShadow: DeviceShadow;
  readonly #status: DeviceStatus;

  constructor(options: IotLinkOptions) {
    const { mqtt: bus, thingName, shadowName, desired, cameras, clock, random, log } = options;
    this.#options = options;
    this.#shadow = new DeviceShadow({
      bus,
      thingName,
      shadowName,
      clock,
      random,
      log,
      onDesired: (document) => desired.offer(document),
      onFault: (fault) => desired.setShadowFault(fault),
    });
    this.#statusShadow = new DeviceShadow({
      bus,
      thingName,
      shadowName: `${shadowName}-status`,
      clock,
      random,
      log,
    });
    this.#status = new DeviceStatus({
      agentVersion,
      cameras,
      report: (reported) => this.#statusShadow.report(reported),
      clock,
    });
  }

  /** The configuration shadow's reported section. */
  report: (reported: Parameters<DeviceShadow['report']>[0]) => void = (reported) =>
    this.#shadow.report(reported);

  /** A camera's state has changed. */
  statusChanged(): void {
    this.#status.update();
  }

  /** Resolves on abort; never rejects: the cloud being away is no fault of the agent's. */
  async run(signal: AbortSignal): Promise<void> {
    const { mqtt, restored, clock, random, log } = this.#options;
    const part = (name: string, run: Run) => supervise(run, signal, { name, clock, random, log });
    await Promise.all([
      supervise((stop) => mqtt.run(stop), signal, {
        name: 'mqtt',
        backoff: MQTT_BACKOFF,
        restored,
        clock,
        random,
        log,
      }),
      part('shadow', (stop) => this.#shadow.run(stop)),
      part('status shadow', (stop) => this.#statusShadow.run(stop)),
      part('commands', (stop) => this.#takeCommands(stop)),
      this.#status.run(signal),
    ]);
  }

  async #takeCommands(signal: AbortSignal): Promise<void> {
    const {
      mqtt: bus,
      thingName,
      allowedCommands,
      cameras,
      restartCamera,
      snapshot,
      reload,
      clock,
      log,
    } = this.#options;
    if (allowedCommands.length === 0) return aborted(signal);
    const commands: Record<string, Command> = {
      status: async () => ({ result: { agentVersion, cameras: mapValues(cameras(), compact) } }),
      'restart-camera': async ({ camera }) => {
        if (typeof camera !== 'string' || !Object.hasOwn(cameras(), camera))
          throw new BadCommandError('"camera" must name a camera');
        await restartCamera(camera);
        return { result: {} };
      },
      snapshot,
      reload: async () => {
        await reload().catch((error: unknown) => Promise.reject(new BadCommandError(errorText(error))));
        return { result: {} };
      },
    };
    const isAllowed = (command: string) => allowedCommands.includes(command);
    const undo = await new Commands({ bus, thingName, commands, isAllowed, clock, log }).start();
    await aborted(signal);
    await undo();
  }
}

function mapValues<T, U>(object: Record<string, T>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}
