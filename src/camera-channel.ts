import { Camera, type CameraStatus } from './camera/camera.ts';
import type { CameraConfig } from './config/config.ts';
import { errorText } from './errors.ts';
import type { Log } from './log.ts';
import { MediaStream } from './rtp/media-stream.ts';
import type { Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import { supervise } from './runtime/supervise.ts';
import type { SignalingChannel } from './signaling/channel.ts';
import type { SignalingHandler, SignalingStatus } from './signaling/signaling-status.ts';
import type { Signaling } from './signaling/signaling.ts';
import { Master, type MasterCounters } from './webrtc/master.ts';
import type { Capabilities } from './webrtc/negotiate.ts';
import type { SecureTransport } from './webrtc/secure-transport.ts';
import type { ViewerStreams } from './webrtc/viewer-session.ts';

export interface CameraChannelOptions {
  name: string;
  config: CameraConfig;
  createCamera: () => Camera;
  channel: SignalingChannel;
  createSignaling: (handler: SignalingHandler) => Signaling;
  createTransport: () => SecureTransport;
  clock: Clock;
  random: Random;
  log: Log;
}

export interface CameraChannelStatus {
  camera: CameraStatus;
  signaling: SignalingStatus;
  viewers: number;
  counters: Readonly<MasterCounters>;
}

/** One camera on one signaling channel: captures while somebody watches and serves every viewer that comes. */
export class CameraChannel {
  readonly name: string;
  readonly #options: CameraChannelOptions;
  readonly #camera: Camera;
  readonly #signaling: Signaling;
  readonly #master: Master;
  readonly #streams = new Map<string, MediaStream>();

  constructor(options: CameraChannelOptions) {
    const { name, config, createCamera, channel, createSignaling, createTransport, clock, random, log } =
      options;
    this.name = name;
    this.#options = options;
    this.#camera = createCamera();
    this.#camera.onAccessUnit((track, unit) => this.#streams.get(track)?.push(unit));
    const streams = this.#createStreams();
    this.#signaling = createSignaling({
      onOffer: (clientId, sdp) => this.#master.onOffer(clientId, sdp),
      onCandidate: (clientId, { candidate }) => this.#master.onCandidate(clientId, candidate),
      onSendFailed: (clientId, reason) =>
        log.debug({ clientId, reason }, 'a message did not reach the viewer'),
    });
    this.#master = new Master({
      channelName: channel.channelName,
      maxViewers: config.viewers.max,
      media: { streams, capabilities: capabilities(config), acquire: () => this.#camera.acquire() },
      signaling: {
        sendAnswer: (clientId, sdp) => this.#signaling.sendAnswer(clientId, sdp),
        sendCandidate: (clientId, candidate) =>
          this.#signaling.sendCandidate(clientId, { candidate, sdpMid: '0', sdpMLineIndex: 0 }),
      },
      createTransport,
      iceServers: () => channel.iceServers(),
      clock,
      random,
      log,
    });
  }

  get status(): CameraChannelStatus {
    const { viewers, counters } = this.#master;
    return { camera: this.#camera.status(), signaling: this.#signaling.status, viewers, counters };
  }

  /** Resolves on abort, with camera, signaling and every viewer's session ended; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    const sessionsEnded = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(this.#master.close()), { once: true });
    });
    const parts = await Promise.allSettled([
      this.#camera.run(signal),
      supervise((stop) => this.#signaling.run(stop), signal, { name: 'signaling', clock, random, log }),
      sessionsEnded,
    ]);
    for (const part of parts) {
      if (part.status === 'rejected')
        log.error({ error: errorText(part.reason) }, 'a part of the camera ended with an error');
    }
  }

  #createStreams(): ViewerStreams {
    const { config, clock } = this.#options;
    const [best = 'high'] = Object.keys(config.video.renditions);
    const video = new MediaStream({ codec: config.video.codec, clock });
    this.#streams.set(best, video);
    if (!config.audio.enabled) return { video, audio: undefined };
    const audio = new MediaStream({ codec: config.audio.codec, clock });
    this.#streams.set('audio', audio);
    return { video, audio };
  }
}

function capabilities({ video, audio, twcc }: CameraConfig): Capabilities {
  return {
    video: video.codec,
    h264ProfileLevelId: '42e01f',
    audio: audio.enabled ? audio.codec : undefined,
    dataChannel: false,
    twcc: twcc.enabled,
  };
}
