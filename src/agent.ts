import { Agent as HttpsAgent } from 'node:https';
import { Camera } from './camera/camera.ts';
import { CameraChannel, type CameraChannelStatus } from './camera-channel.ts';
import type { AgentConfig, CameraConfig } from './config/config.ts';
import { chooseCredentials } from './identity/choose-credentials.ts';
import { CachedCredentials } from './identity/credentials.ts';
import type { Log } from './log.ts';
import type { Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { supervise } from './runtime/supervise.ts';
import { AwsControlPlane } from './signaling/aws-control-plane.ts';
import { SignalingChannel } from './signaling/channel.ts';
import { ClockSkew } from './signaling/clock-skew.ts';
import { Signaling } from './signaling/signaling.ts';
import { socketOpener } from './signaling/web-socket.ts';
import { agentVersion } from './version.ts';
import { prepareCertificate } from './webrtc/werift/dtls.ts';
import { WeriftTransport } from './webrtc/werift/werift-transport.ts';

export interface AgentOptions {
  config: AgentConfig;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  random: Random;
  log: Log;
}

/** What all cameras share. */
interface Shared {
  credentials: CachedCredentials;
  controlPlane: AwsControlPlane;
  skew: ClockSkew;
  /** Proxies of the environment (HTTPS_PROXY, NO_PROXY) for REST and WebSocket alike. */
  httpsAgent: HttpsAgent;
  certificate: Awaited<ReturnType<typeof prepareCertificate>>;
}

/** The composition root: builds the parts, wires them, runs them, and stops them in reverse. */
export class Agent {
  readonly #options: AgentOptions;
  #channels: CameraChannel[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  status(): Record<string, CameraChannelStatus> {
    return Object.fromEntries(this.#channels.map((channel) => [channel.name, channel.status]));
  }

  /**
   * Resolves when `signal` has aborted and everything is closed.
   * @throws FatalStartupError when the configured identity cannot be used.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { config, clock, random, log } = this.#options;
    const shared = await this.#prepare();
    signal.addEventListener('abort', () => shared.controlPlane.close(), { once: true });
    this.#channels = Object.entries(config.cameras).map(([name, camera]) =>
      this.#createChannel(name, camera, shared),
    );
    log.info({ version: agentVersion, cameras: Object.keys(config.cameras) }, 'agent started');
    await Promise.all([
      supervise((stop) => shared.credentials.run(stop), signal, { name: 'credentials', clock, random, log }),
      ...this.#channels.map((channel) => channel.run(signal)),
    ]);
    shared.httpsAgent.destroy();
    log.info({}, 'agent stopped');
  }

  async #prepare(): Promise<Shared> {
    const { config, env, clock, random, log } = this.#options;
    const certificate = prepareCertificate();
    const skew = new ClockSkew(clock);
    const onServerTime = (serverTimeMs: number) => skew.learn(new Date(serverTimeMs).toUTCString());
    const source = await chooseCredentials({ config, env, clock, log, onServerTime });
    const credentials = new CachedCredentials({ source, clock, random, log });
    const { region, endpoint, useFips, useDualStack } = config.aws;
    const httpsAgent = new HttpsAgent({ keepAlive: true, proxyEnv: env });
    const controlPlane = new AwsControlPlane({
      agent: httpsAgent,
      region,
      endpoint,
      useFips,
      useDualStack,
      credentials,
      skew,
      clock,
    });
    return { credentials, controlPlane, skew, httpsAgent, certificate: await certificate };
  }

  #createChannel(
    name: string,
    camera: CameraConfig,
    { credentials, controlPlane, skew, httpsAgent, certificate }: Shared,
  ): CameraChannel {
    const { config, clock, random } = this.#options;
    const log = this.#options.log.child({ camera: name });
    const { region, endpoint, createChannel } = config.aws;
    const { stateDirectory } = config;
    const channel = new SignalingChannel({
      channelName: camera.channelName,
      region,
      controlPlane,
      clock,
      random,
      log,
      stateDirectory,
      endpoint,
      createChannel,
    });
    return new CameraChannel({
      name,
      config: camera,
      createCamera: () =>
        new Camera({ name, config: camera, ffmpegPath: config.ffmpeg.path, clock, random, log }),
      channel,
      createSignaling: (handler) =>
        new Signaling({
          channel,
          region,
          credentials,
          handler,
          skew,
          openSocket: socketOpener(httpsAgent),
          clock,
          random,
          log,
        }),
      createTransport: () => new WeriftTransport(certificate, clock),
      clock,
      random,
      log,
    });
  }
}
