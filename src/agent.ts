import { Agent as HttpsAgent } from 'node:https';
import { Camera } from './camera/camera.ts';
import { CameraChannel, type CameraChannelOptions } from './camera-channel.ts';
import { CameraChannels } from './camera-channels.ts';
import { buildConfig } from './config/build.ts';
import type { AgentConfig, CameraConfig } from './config/config.ts';
import type { Layer } from './config/layers.ts';
import { chooseCredentials } from './identity/choose-credentials.ts';
import { CachedCredentials } from './identity/credentials.ts';
import { readLogin } from './identity/secrets.ts';
import { DesiredConfig } from './iot/desired-config.ts';
import type { CameraStatus } from './iot/device-status.ts';
import { directMqtt } from './iot/direct-mqtt.ts';
import { LastGoodFile } from './iot/last-good.ts';
import { MqttConnection } from './iot/mqtt-connection.ts';
import { proxyFor } from './iot/proxy.ts';
import { IotLink } from './iot-link.ts';
import type { RootLog } from './log.ts';
import type { Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { supervise } from './runtime/supervise.ts';
import { AwsControlPlane } from './signaling/aws-control-plane.ts';
import { SignalingChannel, type OnDuration } from './signaling/channel.ts';
import { ClockSkew } from './signaling/clock-skew.ts';
import { Signaling } from './signaling/signaling.ts';
import { socketOpener } from './signaling/web-socket.ts';
import { Telemetry } from './telemetry.ts';
import { agentVersion } from './version.ts';
import { LocalNetwork } from './webrtc/ice/local-network.ts';
import { MdnsResolver } from './webrtc/ice/mdns.ts';
import { PeerTransport } from './webrtc/werift/peer-transport.ts';
import { prepareCertificate } from './webrtc/werift/dtls.ts';

export interface AgentOptions {
  /** The local layers, lowest first. */
  layers: readonly Layer[];
  /** Reads them again. */
  reload: () => Promise<Layer[]>;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  random: Random;
  log: RootLog;
}

/** What all cameras share. */
interface Shared {
  credentials: CachedCredentials;
  controlPlane: AwsControlPlane;
  skew: ClockSkew;
  /** Proxies of the environment (HTTPS_PROXY, NO_PROXY) for REST and WebSocket alike. */
  httpsAgent: HttpsAgent;
  certificate: Awaited<ReturnType<typeof prepareCertificate>>;
  mdns: MdnsResolver;
}

/** The composition root: builds the parts, wires them, runs them, and stops them in reverse. */
export class Agent {
  readonly #options: AgentOptions;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /**
   * Resolves when `signal` has aborted and everything is closed.
   * @throws FatalStartupError when the local configuration or the configured identity cannot be used.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { layers, clock, random, log } = this.#options;
    let link: IotLink | undefined;
    const desired = new DesiredConfig({
      local: layers,
      apply: (next, stop) => this.#apply(next, channels, telemetry, stop),
      report: (reported) => link?.report(reported),
      ...this.#lastGood(),
      log,
    });
    const config = await desired.start();
    const mqtt = this.#createMqtt(config);
    const telemetry = new Telemetry({ config, mqtt, clock, random, log });
    const shared = await this.#prepare(config, telemetry);
    const channels = new CameraChannels((name, camera) =>
      this.#createChannel(name, camera, config, shared, telemetry.forCamera(), () => link?.statusChanged()),
    );
    link = mqtt && this.#createLink(config, mqtt, desired, channels);
    log.info({ version: agentVersion, cameras: Object.keys(config.cameras) }, 'agent started');
    await this.#apply(config, channels, telemetry, signal);
    const { credentials, skew } = shared;
    await Promise.all([
      telemetry.run({ channels, credentials, clockOffsetMs: () => skew.offsetMs }, signal),
      supervise((stop) => credentials.run(stop), signal, { name: 'credentials', clock, random, log }),
      link?.run(signal),
      this.#closeOnAbort(signal, desired, channels, shared),
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

  async #closeOnAbort(
    signal: AbortSignal,
    desired: DesiredConfig,
    channels: CameraChannels,
    shared: Shared,
  ): Promise<void> {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    shared.controlPlane.close();
    await Promise.all([desired.close(), channels.close()]);
    shared.httpsAgent.destroy();
  }

  async #prepare(config: AgentConfig, { durations }: Telemetry): Promise<Shared> {
    const { env, clock, random, log } = this.#options;
    const certificate = prepareCertificate();
    const skew = new ClockSkew(clock);
    const onServerTime = (serverTimeMs: number) => skew.learn(new Date(serverTimeMs).toUTCString());
    const source = await chooseCredentials({ config, env, clock, log, onServerTime });
    const credentials = new CachedCredentials({
      source,
      clock,
      random,
      log,
      onFetched: (durationMs) => durations.record('getCredentials', durationMs),
    });
    const { region, endpoint, useFips, useDualStack } = config.aws;
    const agent = new HttpsAgent({ keepAlive: true, proxyEnv: env });
    const controlPlane = new AwsControlPlane({
      agent,
      region,
      endpoint,
      useFips,
      useDualStack,
      credentials,
      skew,
      clock,
    });
    const mdns = new MdnsResolver(clock);
    return { credentials, controlPlane, skew, httpsAgent: agent, certificate: await certificate, mdns };
  }

  /** Undefined where IoT Core is not reached: switched off, or nothing to reach it with. */
  #createMqtt(config: AgentConfig): MqttConnection | undefined {
    const { env, clock, log } = this.#options;
    const { thingName, certificatePath, privateKeyPath, rootCaPath } = config.device;
    const { transport, endpoint } = config.mqtt;
    if (transport === 'off' || endpoint === '' || thingName === '') return undefined;
    const files = { certificatePath, privateKeyPath, rootCaPath };
    return new MqttConnection({
      transport: directMqtt({ thingName, endpoint, ...files, proxyEnv: env, clock }),
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
      cameras: () => mapStatus(channels),
      restartCamera: async (name) => channels.find(name)?.restartCamera(),
      reload: async () => desired.replaceLocal(await reload()),
      allowedCommands: config.commands.allowed,
      clock,
      random,
      log,
    });
  }

  #createChannel(
    name: string,
    camera: CameraConfig,
    config: AgentConfig,
    { credentials, controlPlane, skew, httpsAgent, certificate, mdns }: Shared,
    metrics: CameraChannelOptions['metrics'],
    onStatus: () => void,
  ): CameraChannel {
    const { env, clock, random } = this.#options;
    const log = this.#options.log.child({ camera: name });
    const { region, endpoint, createChannel } = config.aws;
    const { stateDirectory, ffmpeg, secrets } = config;
    const { channelName, ice } = camera;
    const network = new LocalNetwork(ice, clock);
    const onDuration: OnDuration = (duration, ms) => metrics.durations.record(duration, ms);
    const channel = new SignalingChannel({
      channelName,
      region,
      controlPlane,
      clock,
      random,
      log,
      stateDirectory,
      endpoint,
      createChannel,
      onDuration,
    });
    return new CameraChannel({
      name,
      config: camera,
      createCamera: (capture) =>
        new Camera({
          name,
          config: capture,
          ffmpegPath: ffmpeg.path,
          resolveCredentials: (ref, host) => readLogin(secrets, env, ref, host),
          clock,
          random,
          log,
        }),
      channel,
      createSignaling: (handler) =>
        new Signaling({
          channel,
          region,
          credentials,
          handler,
          skew,
          openSocket: socketOpener(httpsAgent),
          onDuration,
          clock,
          random,
          log,
        }),
      createTransport: () =>
        new PeerTransport(certificate, {
          transportPolicy: ice.transportPolicy,
          network,
          mdns,
          proxyFor: (host) => proxyFor(host, env),
          clock,
          random,
          log,
        }),
      metrics,
      clock,
      random,
      log,
      onStatus,
    });
  }

  #lastGood(): { lastGood?: LastGoodFile } {
    const { stateDirectory, shadow } = buildConfig(this.#options.layers);
    return stateDirectory === ''
      ? {}
      : { lastGood: new LastGoodFile(stateDirectory, shadow.name, this.#options.log) };
  }
}

function mapStatus(channels: CameraChannels): Record<string, CameraStatus> {
  const entries = Object.entries(channels.status()).map(
    ([name, { camera, viewers }]): [string, CameraStatus] => {
      const { state, reason, lastFrameAt } = camera;
      const status: CameraStatus = { state, viewers };
      if (reason !== undefined) status.reason = reason;
      if (lastFrameAt !== undefined) status.lastFrameAt = lastFrameAt;
      return [name, status];
    },
  );
  return Object.fromEntries(entries);
}
