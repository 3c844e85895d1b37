import { isDeepStrictEqual } from 'node:util';
import { CameraControl, type CameraControlOptions } from './camera-control.ts';
import { CameraSlot } from './camera/camera-slot.ts';
import type { CameraStatus } from './camera/camera-health.ts';
import type { Camera } from './camera/camera.ts';
import { RenditionStreams } from './camera/rendition-streams.ts';
import { capabilities, captureKeys, sessionKeys, wantedFps } from './channel-config.ts';
import type { CameraConfig } from './config/config.ts';
import type { JsonObject } from './config/layers.ts';
import type { Jpeg } from './control/snapshot.ts';
import { errorText } from './errors.ts';
import type { Log } from './log.ts';
import { CameraMetrics, type CameraCondition } from './metrics/camera-metrics.ts';
import { PROFILING_CHANNEL } from './metrics/kvs-profiling.ts';
import { Profiling } from './metrics/profiling.ts';
import { barsViewers, captureOf } from './recording-capture.ts';
import { Recording } from './recording.ts';
import type { AccessUnit } from './rtp/access-unit.ts';
import { MediaStream } from './rtp/media-stream.ts';
import type { Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { supervise } from './runtime/supervise.ts';
import { routeSignaling } from './signaling-routes.ts';
import type { SignalingChannel } from './signaling/channel.ts';
import type { MediaStorage } from './signaling/media-storage.ts';
import type { SignalingHandler, SignalingStatus } from './signaling/signaling-status.ts';
import type { Signaling } from './signaling/signaling.ts';
import type { CameraTelemetry } from './telemetry.ts';
import { Master, type MasterCounters, type SlowestLink } from './webrtc/master.ts';
import type { IceServer, SecureTransport } from './webrtc/secure-transport.ts';
import type { StorageStatus } from './webrtc/storage-status.ts';

export interface CameraChannelOptions {
  name: string;
  config: CameraConfig;
  createCamera: (config: CameraConfig) => Camera;
  channel: SignalingChannel;
  storage: MediaStorage;
  /** Asked beside the TURN servers that the channel has. */
  stunServers: readonly IceServer[];
  createSignaling: (handler: SignalingHandler) => Signaling;
  createTransport: () => SecureTransport;
  control: Pick<CameraControlOptions, 'ffmpeg' | 'actions' | 'topics'>;
  telemetry: CameraTelemetry;
  /** The device's network is back; as for `supervise`. */
  restored: () => AbortSignal;
  clock: Clock;
  random: Random;
  log: Log;
  /** Something in `status` has changed. */
  onStatus: () => void;
}

export interface CameraChannelStatus {
  camera: CameraStatus;
  signaling: SignalingStatus;
  viewers: number;
  /** The best one that is produced now. */
  rendition?: string;
  counters: Readonly<MasterCounters>;
  /** The viewer's link that carries least; absent where none is known. */
  slowest?: SlowestLink;
  /** Absent where the camera is not recorded. */
  recording?: StorageStatus;
}

/** One camera on one signaling channel: captures while somebody watches and serves every viewer that comes. */
export class CameraChannel {
  readonly name: string;
  readonly metrics: CameraMetrics;
  readonly #options: CameraChannelOptions;
  readonly #camera: CameraSlot;
  readonly #signaling: Signaling;
  readonly #master: Master;
  readonly #control: CameraControl;
  readonly #video: RenditionStreams;
  readonly #audio: MediaStream | undefined;
  readonly #recording: Recording | undefined;
  #config: CameraConfig;
  #capturedFrames = 0;
  /** The best rendition that is produced: its pictures are those that the camera captures. */
  #best: string | undefined;
  #capturedPictures = 0;

  constructor(options: CameraChannelOptions) {
    const { name, config, createCamera, channel, stunServers, createSignaling, createTransport } = options;
    const { clock, random, log, onStatus } = options;
    this.name = name;
    this.#options = options;
    this.#config = config;
    this.#video = new RenditionStreams(captureOf(config).config, clock, (rendition) =>
      this.#camera.acquireRendition(rendition),
    );
    this.#audio = config.audio.enabled ? new MediaStream({ codec: config.audio.codec, clock }) : undefined;
    this.metrics = new CameraMetrics({
      ...options.telemetry,
      camera: name,
      channelName: channel.channelName,
      condition: () => this.#condition(),
      clock,
      random,
      log,
    });
    const onCameraStatus = () => {
      const { state, tracks } = this.#camera.status();
      this.#best = this.#video.running(Object.keys(tracks));
      this.metrics.cameraState(state);
      onStatus();
    };
    const onUnit = (track: string, unit: AccessUnit) => this.#push(track, unit);
    this.#camera = new CameraSlot(captureOf(config).config, createCamera, onUnit, onCameraStatus);
    this.#recording = config.storage.enabled && config.enabled ? this.#createRecording() : undefined;
    const profiling = new Profiling(options.telemetry.durations, clock);
    this.#control = new CameraControl({
      camera: name,
      config: () => this.#config,
      ...options.control,
      leasePicture: () => this.#leasePicture(),
      others: { [PROFILING_CHANNEL]: (opened, session) => profiling.serve(opened, session) },
      clock,
      random,
      log,
    });
    this.#master = new Master({
      channelName: channel.channelName,
      limits: () => this.#config.viewers,
      barred: () => barsViewers(this.#config) ?? options.telemetry.barred(),
      media: {
        streams: { video: this.#video, audio: this.#audio },
        capabilities: (clientId) => ({
          ...capabilities(this.#config),
          talk: this.#control.maySpeak(clientId),
        }),
        acquire: () => this.#camera.acquire(),
      },
      signaling: {
        sendAnswer: (clientId, sdp) => this.#signaling.sendAnswer(clientId, sdp),
        sendCandidate: (clientId, candidate) =>
          this.#signaling.sendCandidate(clientId, { candidate, sdpMid: '0', sdpMLineIndex: 0 }),
      },
      createTransport,
      iceServers: () => [Promise.resolve(stunServers), channel.iceServers()],
      onSession: (session) => {
        const left = this.metrics.viewerJoined(session);
        profiling.joined(session);
        onStatus();
        return (end) => {
          this.#control.left(session);
          left(end);
          onStatus();
        };
      },
      onReach: onStatus,
      openChannels: () => this.#config.dataChannel.open,
      onChannel: (opened, session) => this.#control.serve(opened, session),
      onAudio: (packet, session) => this.#control.hear(packet, session),
      clock,
      random,
      log,
    });
    this.#signaling = createSignaling(routeSignaling(this.#master, this.#recording, log));
  }

  get status(): CameraChannelStatus {
    const { viewers, counters, slowest } = this.#master;
    const recording = this.#recording && { recording: this.#recording.status };
    return {
      camera: this.#camera.status(),
      signaling: this.#signaling.status,
      viewers,
      ...(this.#best !== undefined && { rendition: this.#best }),
      counters,
      ...(slowest && { slowest }),
      ...recording,
    };
  }

  /** Resolves on abort, with camera, signaling and every viewer's session ended; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { restored, clock, random, log } = this.#options;
    const supervised = { name: 'signaling', restored, clock, random, log };
    const sessionsEnded = new Promise<void>((resolve) => {
      signal.addEventListener(
        'abort',
        () => resolve(this.#master.close().then(() => this.#control.close())),
        { once: true },
      );
    });
    const parts = await Promise.allSettled([
      this.#camera.run(signal),
      supervise((stop) => this.#signaling.run(stop), signal, supervised),
      this.#recording?.run(signal),
      sessionsEnded,
    ]);
    for (const part of parts) {
      if (part.status === 'rejected')
        log.error({ error: errorText(part.reason) }, 'a part of the camera ended with an error');
    }
  }

  /**
   * Takes another configuration while viewers watch: they stay connected and see the new picture from its first key frame on.
   * False where that cannot be, and the channel has to be built anew.
   */
  async reconfigure(config: CameraConfig): Promise<boolean> {
    const old = this.#config;
    if (!isDeepStrictEqual(sessionKeys(old), sessionKeys(config))) return false;
    this.#config = config;
    if (isDeepStrictEqual(captureKeys(old), captureKeys(config))) return true;
    const capture = captureOf(config);
    this.#video.reconfigure(capture.config);
    this.#recording?.recordAnother(capture.rendition);
    await this.#camera.replace(capture.config);
    return true;
  }

  /** Captures anew. */
  async restartCamera(): Promise<void> {
    await this.#camera.replace(captureOf(this.#config).config);
  }

  /** A JPEG of the live picture: `{"width", "quality"}`. */
  snapshot(params: JsonObject): Promise<Jpeg> {
    return this.#control.snapshot(params);
  }

  #leasePicture(): { stream: MediaStream; release: () => void } {
    const camera = this.#camera.acquire();
    const picture = this.#video.lease(this.#video.list()[0]?.name ?? '');
    return { stream: picture.stream, release: () => (picture.release(), camera.release()) };
  }

  #condition(): CameraCondition {
    const { offers, refused, malformed } = this.#master.counters;
    const { connects, renewals } = this.#signaling.counters;
    return {
      camera: this.#camera.status(),
      capturedFrames: this.#capturedFrames,
      capturedPictures: this.#capturedPictures,
      wantedFps: wantedFps(this.#config, this.#best),
      signaling: { connected: this.#signaling.status.connected, connects, renewals },
      offers,
      refused,
      malformed,
      control: this.#control.counters,
      ...(this.#recording && { recording: this.#recording.condition }),
    };
  }

  #push(track: string, unit: AccessUnit): void {
    this.#capturedFrames += 1;
    if (track === 'audio') this.#audio?.push(unit);
    else {
      if (track === this.#best) this.#capturedPictures += 1;
      this.#video.push(track, unit);
    }
    this.#recording?.push(track, unit);
  }

  #createRecording(): Recording {
    const { channel, stunServers } = this.#options;
    return new Recording({
      ...this.#options,
      channelName: channel.channelName,
      ...captureOf(this.#config),
      signaling: () => this.#signaling,
      acquire: () => this.#camera.acquire(),
      acquireRendition: (rendition) => this.#camera.acquireRendition(rendition),
      iceServers: () => [Promise.resolve(stunServers), channel.iceServers()],
      onGap: (gap) => this.metrics.recordingGap(gap),
    });
  }
}
