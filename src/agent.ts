import { Agent as HttpsAgent } from 'node:https';
import { CameraChannels } from './camera-channels.ts';
import { ffmpegAt, type Ffmpeg } from './camera/ffmpeg-probe.ts';
import { CameraFactory } from './camera-factory.ts';
import { buildConfig } from './config/build.ts';
import type { AgentConfig } from './config/config.ts';
import type { Layer } from './config/layers.ts';
import { SnapshotUpload } from './control/snapshot-upload.ts';
import { DeployedConfig } from './deployed-config.ts';
import { errorText } from './errors.ts';
import { ipcAddress } from './greengrass/ipc-client.ts';
import { DesiredConfig } from './iot/desired-config.ts';
import { directMqtt } from './iot/direct-mqtt.ts';
import { LastGoodFile } from './iot/last-good.ts';
import { MqttConnection } from './iot/mqtt-connection.ts';
import { IotLink } from './iot-link.ts';
import type { RootLog } from './log.ts';
import { Nucleus } from './nucleus.ts';
import type { Clock } from './runtime/clock.ts';
import { NetworkReturn } from './runtime/network-return.ts';
import type { Random } from './runtime/random.ts';
import { supervise } from './runtime/supervise.ts';
import { snapshotCommand } from './snapshot-command.ts';
import { Telemetry } from './telemetry.ts';
import { agentVersion } from './version.ts';

export interface AgentOptions {
  /** The layers of file and environment, lowest first. */
  layers: readonly Layer[];
  /** Reads them again. */
  reload: () => Promise<Layer[]>;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  random: Random;
  log: RootLog;
}

/** The composition root: builds the parts, wires them, runs them, and stops them in reverse. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #network: NetworkReturn;
  readonly #nucleus: Nucleus | undefined;
  /** Undefined outside of Greengrass. */
  #deployed: DeployedConfig | undefined;
  #isLite = false;

  constructor(options: AgentOptions) {
    const { env, clock, random, log } = options;
    const address = ipcAddress(env);
    this.#options = options;
    this.#env = { ...env };
    this.#network = new NetworkReturn(clock);
    this.#nucleus = address && new Nucleus({ address, env, clock, random, log });
  }

  /**
   * Resolves when `signal` has aborted and everything is closed.
   * @throws FatalStartupError when the local configuration or the configured identity cannot be used.
   * @throws TokenRefusedError when the nucleus wants this process started anew.
   */
  async run(signal: AbortSignal): Promise<void> {
    const halt = new AbortController();
    const running = AbortSignal.any([signal, halt.signal]);
    const nucleus = this.#nucleus?.run(running).catch((error: unknown) => halt.abort(error));
    try {
      await this.#serve(running);
    } finally {
      // Also where start-up failed: the connection is not left behind.
      if (!halt.signal.aborted) halt.abort();
      await nucleus;
    }
    if (!signal.aborted) halt.signal.throwIfAborted();
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    const nucleus = this.#nucleus;
    await this.#askNucleus(signal);
    let link: IotLink | undefined;
    const local = this.#deployed?.layers() ?? this.#options.layers;
    const desired = new DesiredConfig({
      local,
      apply: (next, stop) => this.#apply(next, channels, telemetry, stop),
      report: (reported) => link?.report(reported),
      isShort: this.#isLite && buildConfig(local).mqtt.transport !== 'direct',
      ...this.#lastGood(local),
      log,
    });
    const config = await desired.start();
    const mqtt = this.#createMqtt(config);
    const telemetry = new Telemetry({ config, mqtt, clock, random, log });
    const factory = await CameraFactory.create({
      config,
      env: this.#env,
      greengrassLogin: nucleus && ((secretId) => nucleus.login(secretId)),
      topics: nucleus?.topics(),
      telemetry,
      restored: this.#network.next,
      clock,
      random,
      log,
    });
    const channels = new CameraChannels((name, camera) =>
      factory.createChannel(name, camera, () => link?.statusChanged()),
    );
    link = mqtt && this.#createLink(config, mqtt, desired, channels);
    log.info({ version: agentVersion, cameras: Object.keys(config.cameras) }, 'agent started');
    await this.#apply(config, channels, telemetry, signal);
    const { credentials, skew } = factory;
    const options = { name: 'credentials', restored: this.#network.next, clock, random, log };
    await Promise.all([
      this.#serveNucleus(desired, channels, config.ffmpeg.path),
      telemetry.run({ channels, credentials, clockOffsetMs: () => skew.offsetMs }, signal),
      supervise((stop) => credentials.run(stop), signal, options),
      this.#network.run(signal),
      link?.run(signal),
      closeOnAbort(signal, ffmpegAt(config.ffmpeg.path, clock), desired, channels, factory),
    ]);
    log.info({}, 'agent stopped');
  }

  /** Makes a configuration the one that runs; what only a restart could change is local and never comes here anew. */
  async #apply(
    config: AgentConfig,
    channels: CameraChannels,
    telemetry: Telemetry,
    signal: AbortSignal,
  ): Promise<void> {
    this.#options.log.level = config.log.level;
    telemetry.configure(config.metrics);
    await channels.apply(config.cameras, signal);
  }

  async #askNucleus(signal: AbortSignal): Promise<void> {
    if (!this.#nucleus) return;
    const { proxyEnv, isLite, ...given } = await this.#nucleus.layers(signal);
    this.#isLite = isLite;
    Object.assign(this.#env, proxyEnv);
    const { layers: local, log } = this.#options;
    this.#deployed = new DeployedConfig({ ...given, local, log });
    await this.#deployed.settle();
  }

  #lastGood(local: readonly Layer[]): { lastGood?: LastGoodFile } {
    const { stateDirectory, shadow } = buildConfig(local);
    return stateDirectory === ''
      ? {}
      : { lastGood: new LastGoodFile(stateDirectory, shadow.name, this.#options.log) };
  }

  async #serveNucleus(desired: DesiredConfig, channels: CameraChannels, ffmpegPath: string): Promise<void> {
    const deployed = this.#deployed;
    if (!deployed) return;
    desired.setLocalFaults(deployed.faults);
    await this.#nucleus?.serve({
      faultsOf: (proposed) => deployed.faultsOf(proposed),
      onConfiguration: (component) => {
        deployed.replace(component, (layers) => desired.replaceLocal(layers));
        desired.setLocalFaults(deployed.faults);
      },
      sickness: () => ffmpegFault(ffmpegPath, this.#options.clock),
      isBusy: () => Object.values(channels.status()).some(({ viewers }) => viewers > 0),
    });
  }

  /** Undefined where IoT Core is not reached: switched off, or nothing to reach it with. */
  #createMqtt(config: AgentConfig): MqttConnection | undefined {
    const { clock, random, log } = this.#options;
    const { thingName, certificatePath, privateKeyPath, rootCaPath } = config.device;
    const { transport, endpoint } = config.mqtt;
    if (transport === 'off' || thingName === '') return undefined;
    if (this.#nucleus && transport !== 'direct')
      return new MqttConnection({ transport: this.#nucleus.mqtt(), clock, random, log });
    if (transport === 'ipc')
      log.warn(
        {},
        'mqtt.transport is "ipc", but there is no nucleus (AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT)',
      );
    if (transport === 'ipc' || endpoint === '') return undefined;
    const files = { certificatePath, privateKeyPath, rootCaPath };
    return new MqttConnection({
      transport: directMqtt({ thingName, endpoint, ...files, proxyEnv: this.#env, clock }),
      clock,
      random,
      log,
    });
  }

  #createLink(
    config: AgentConfig,
    mqtt: MqttConnection,
    desired: DesiredConfig,
    channels: CameraChannels,
  ): IotLink {
    const { reload, clock, random, log } = this.#options;
    return new IotLink({
      mqtt,
      thingName: config.device.thingName,
      shadowName: config.shadow.name,
      desired,
      cameras: () => channels.summary(),
      snapshot: snapshotCommand({
        camera: (name) => channels.find(name),
        maxKilobytes: config.commands.snapshotMaxKilobytes,
        upload: new SnapshotUpload({
          hosts: config.commands.uploadHosts,
          agent: new HttpsAgent({ proxyEnv: this.#env }),
          clock,
        }),
      }),
      restartCamera: async (name) => channels.find(name)?.restartCamera(),
      reload: async () => {
        const layers = await reload();
        desired.replaceLocal(this.#deployed?.layers(layers) ?? layers);
      },
      allowedCommands: config.commands.allowed,
      restored: this.#network.next,
      clock,
      random,
      log,
    });
  }
}

/** Undefined where ffmpeg runs. */
async function ffmpegFault(path: string, clock: Clock): Promise<string | undefined> {
  try {
    await ffmpegAt(path, clock).capabilities();
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

async function closeOnAbort(
  signal: AbortSignal,
  ffmpeg: Ffmpeg,
  desired: DesiredConfig,
  channels: CameraChannels,
  factory: CameraFactory,
): Promise<void> {
  await new Promise<unknown>((resolve) =>
    signal.aborted ? resolve(0) : signal.addEventListener('abort', resolve, { once: true }),
  );
  const closed = Promise.all([desired.close(), channels.close()]);
  ffmpeg.close();
  await closed;
  factory.close();
}
