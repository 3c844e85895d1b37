import { Agent as HttpsAgent } from 'node:https';
import { Camera } from './camera/camera.ts';
import { CameraChannel } from './camera-channel.ts';
import type { ActionConfig, AgentConfig, CameraConfig } from './config/config.ts';
import type { LocalTopics } from './control/actions.ts';
import { chooseCredentials } from './identity/choose-credentials.ts';
import { CachedCredentials } from './identity/credentials.ts';
import { readLogin, type SecretPlaces } from './identity/secrets.ts';
import { proxyFor } from './iot/proxy.ts';
import type { Log } from './log.ts';
import type { Clock } from './runtime/clock.ts';
import { HostNames } from './runtime/host-names.ts';
import type { Random } from './runtime/random.ts';
import { AwsControlPlane } from './signaling/aws-control-plane.ts';
import { AwsStorage } from './signaling/aws-storage.ts';
import { stunServer } from './signaling/control-plane.ts';
import { SignalingChannel, type OnDuration } from './signaling/channel.ts';
import { ClockSkew } from './signaling/clock-skew.ts';
import { MediaStorage } from './signaling/media-storage.ts';
import { Signaling } from './signaling/signaling.ts';
import { socketOpener } from './signaling/web-socket.ts';
import type { Telemetry } from './telemetry.ts';
import { LocalNetwork } from './webrtc/ice/local-network.ts';
import { MdnsResolver } from './webrtc/ice/mdns.ts';
import { DtlsLoader } from './webrtc/werift/dtls-loader.ts';
import { PeerTransport } from './webrtc/werift/peer-transport.ts';

export interface CameraFactoryOptions {
  config: AgentConfig;
  env: NodeJS.ProcessEnv;
  greengrassLogin: SecretPlaces['greengrassLogin'];
  /** Undefined outside of Greengrass. */
  topics: LocalTopics | undefined;
  telemetry: Telemetry;
  /** The device's network is back; as for `supervise`. */
  restored: () => AbortSignal;
  clock: Clock;
  random: Random;
  log: Log;
}

/** What all cameras share. */
interface Shared {
  credentials: CachedCredentials;
  controlPlane: AwsControlPlane;
  awsStorage: AwsStorage;
  skew: ClockSkew;
  /** Proxies of the environment (HTTPS_PROXY, NO_PROXY) for REST and WebSocket alike. */
  httpsAgent: HttpsAgent;
  names: HostNames;
  dtls: DtlsLoader;
  mdns: MdnsResolver;
}

/** Builds camera channels out of what they share: credentials, control plane, clock, DTLS certificate. */
export class CameraFactory {
  readonly credentials: CachedCredentials;
  readonly skew: ClockSkew;
  readonly #options: CameraFactoryOptions;
  readonly #shared: Shared;

  private constructor(options: CameraFactoryOptions, shared: Shared) {
    this.#options = options;
    this.#shared = shared;
    this.credentials = shared.credentials;
    this.skew = shared.skew;
  }

  /** @throws FatalStartupError when the configured identity cannot be used. */
  static async create(options: CameraFactoryOptions): Promise<CameraFactory> {
    return new CameraFactory(options, await prepare(options));
  }

  createChannel(name: string, camera: CameraConfig, onStatus: () => void): CameraChannel {
    const { config, env, greengrassLogin, topics, telemetry, restored, clock, random } = this.#options;
    const { credentials, controlPlane, awsStorage, skew, httpsAgent, names, dtls, mdns } = this.#shared;
    const measured = telemetry.forCamera();
    const log = this.#options.log.child({ camera: name });
    const { region, endpoint, useDualStack, useStun, createChannel } = config.aws;
    const { stateDirectory, ffmpeg, secrets, actions } = config;
    const { channelName, ice, srtp } = camera;
    const network = new LocalNetwork(ice, clock);
    // Where a picture is to be had at once; a failure is the first viewer's to tell.
    if (camera.prewarm) dtls.load().catch(() => {});
    const onDuration: OnDuration = (duration, ms) => measured.durations.record(duration, ms);
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
      withStorage: camera.storage.enabled,
      onDuration,
    });
    const storage = new MediaStorage({
      channel,
      calls: awsStorage,
      onJoined: (ms) => onDuration('joinStorageSession', ms),
      clock,
    });
    return new CameraChannel({
      name,
      config: camera,
      createCamera: (capture) =>
        new Camera({
          name,
          config: capture,
          ffmpegPath: ffmpeg.path,
          ffmpegNice: ffmpeg.nice,
          resolveCredentials: (ref, host) => readLogin({ secrets, env, greengrassLogin }, ref, host),
          clock,
          random,
          log,
        }),
      control: { ffmpeg, actions: actionsOf(actions, name), topics },
      channel,
      storage,
      stunServers: useStun ? [stunServer(region, useDualStack)] : [],
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
        new PeerTransport(dtls, {
          transportPolicy: ice.transportPolicy,
          preferGcm: srtp.preferGcm,
          network,
          mdns,
          proxyFor: (host) => proxyFor(host, env),
          names,
          clock,
          random,
          log,
        }),
      telemetry: measured,
      restored,
      clock,
      random,
      log,
      onStatus,
    });
  }

  /** Ends the calls under way; cameras are to be closed before. */
  close(): void {
    this.#shared.controlPlane.close();
    this.#shared.httpsAgent.destroy();
  }
}

async function prepare({
  config,
  env,
  telemetry,
  restored,
  clock,
  random,
  log,
}: CameraFactoryOptions): Promise<Shared> {
  const skew = new ClockSkew(clock);
  const onServerTime = (serverTimeMs: number) => skew.learn(new Date(serverTimeMs).toUTCString());
  const source = await chooseCredentials({ config, env, clock, log, onServerTime });
  const credentials = new CachedCredentials({
    source,
    clock,
    random,
    log,
    onFetched: (durationMs) => telemetry.durations.record('getCredentials', durationMs),
  });
  const { region, endpoint, useFips, useDualStack } = config.aws;
  const names = new HostNames(clock, restored);
  const agent = new HttpsAgent({ keepAlive: true, proxyEnv: env, lookup: names.lookup });
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
  const awsStorage = new AwsStorage(controlPlane.calls);
  const shared = { credentials, controlPlane, awsStorage, skew, names, mdns };
  return { ...shared, httpsAgent: agent, dtls: new DtlsLoader() };
}

/** Those that the camera's viewers have. */
function actionsOf(actions: Record<string, ActionConfig>, camera: string): Record<string, ActionConfig> {
  const own = Object.entries(actions).filter(([, { cameras }]) => cameras?.includes(camera) ?? true);
  return Object.fromEntries(own);
}
