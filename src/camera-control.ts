import type { CameraConfig } from './config/config.ts';
import { Actions, type Action, type LocalTopics } from './control/actions.ts';
import { ChannelLabels, type ChannelHandler, type ViewerChannel } from './control/channel-labels.ts';
import { Control, CONTROL_LABEL, type Permission } from './control/control.ts';
import { livePictures } from './control/live-pictures.ts';
import { readSnapshotRequest, Snapshots, type Jpeg } from './control/snapshot.ts';
import { snapshotMethod } from './control/snapshot-method.ts';
import { viewMethods, type ViewingViewer } from './control/view-methods.ts';
import type { JsonObject } from './config/layers.ts';
import { Talkback } from './control/talkback.ts';
import type { Log } from './log.ts';
import type { MediaStream } from './rtp/media-stream.ts';
import type { Clock } from './runtime/clock.ts';
import type { Random } from './runtime/random.ts';
import type { AudioPacket } from './webrtc/incoming-audio.ts';
import type { ViewerSession } from './webrtc/viewer-session.ts';

export interface CameraControlOptions {
  camera: string;
  /** As of now. */
  config: () => CameraConfig;
  ffmpeg: { path: string; nice: number };
  /** What viewers can have done on this device. */
  actions: Readonly<Record<string, Action>>;
  topics: LocalTopics | undefined;
  /** The best picture; keeps the camera running until released. */
  leasePicture: () => { stream: MediaStream; release: () => void };
  /** Channels that are served elsewhere, by label. */
  others: Readonly<Record<string, ChannelHandler<ViewerSession>>>;
  clock: Clock;
  random: Random;
  log: Log;
}

/** What viewers and operators may ask of one camera. */
export class CameraControl {
  readonly #snapshots: Snapshots;
  readonly #labels: ChannelLabels<ViewerSession>;
  readonly #config: () => CameraConfig;
  readonly #talkback: Talkback;
  readonly #actions: Actions;
  readonly #control: Control<ViewingViewer>;

  constructor(options: CameraControlOptions) {
    const { camera, config, ffmpeg, leasePicture, others, clock, random, log } = options;
    const actions = new Actions({ ...options, nice: ffmpeg.nice });
    this.#actions = actions;
    const { mode, ...output } = config().talk;
    this.#config = config;
    this.#talkback = new Talkback({ output, mode, ffmpeg, clock, random, log });
    this.#snapshots = new Snapshots({
      ffmpegPath: ffmpeg.path,
      nice: ffmpeg.nice,
      livePictures: async () => {
        const lease = leasePicture();
        try {
          return await livePictures(lease.stream, clock);
        } finally {
          lease.release();
        }
      },
      clock,
    });
    this.#control = new Control<ViewingViewer>({
      camera,
      methods: { ...viewMethods(), snapshot: snapshotMethod(this.#snapshots), ...actions.methods() },
      actions: actions.names,
      permissions: (clientId) => permissions(config(), clientId),
      clock,
      log,
    });
    this.#labels = new ChannelLabels({
      handlers: {
        ...others,
        [CONTROL_LABEL]: (channel, session) => this.#control.serve(channel, viewOf(session)),
      },
      echoesOthers: () => config().dataChannel.echo,
      log,
    });
  }

  /** Of requests, since the agent's start. */
  get counters(): Readonly<Control<ViewingViewer>['counters']> {
    return this.#control.counters;
  }

  /** A viewer has opened a data channel. */
  serve(channel: ViewerChannel, session: ViewerSession): void {
    this.#labels.serve(channel, session);
  }

  /** Whether this viewer's sound is played. */
  maySpeak(clientId: string): boolean {
    const config = this.#config();
    return config.talk.enabled && permissions(config, clientId).includes('talk');
  }

  /** What a viewer says. */
  hear(packet: AudioPacket, session: ViewerSession): void {
    this.#talkback.receive(session, packet);
  }

  /** A viewer is gone. */
  left(session: ViewerSession): void {
    this.#talkback.left(session);
    void this.#actions.left(session.clientId);
  }

  /** Settles when every program has ended. */
  async close(): Promise<void> {
    await Promise.all([this.#talkback.close(), this.#snapshots.close()]);
  }

  /** For an operator: `{"width", "quality"}`. */
  snapshot(params: JsonObject): Promise<Jpeg> {
    return this.#snapshots.take(readSnapshotRequest(params));
  }
}

const EVERYTHING: readonly Permission[] = ['view', 'snapshot', 'command', 'talk'];

function permissions({ control }: CameraConfig, clientId: string): readonly Permission[] {
  return control.operators.includes(clientId) ? EVERYTHING : control.allowed;
}

function viewOf(session: ViewerSession): ViewingViewer {
  return {
    clientId: session.clientId,
    renditions: () => renditionsOf(session),
    choose: (rendition) => session.picture?.choose(rendition) ?? false,
    requestKeyframe: () => {
      for (const sender of session.senders) sender.onPictureLoss(sender.ssrc);
    },
    pause: () => session.pause(true),
    resume: () => session.pause(false),
    statistics: () => statistics(session),
  };
}

function renditionsOf({ picture }: ViewerSession): JsonObject {
  if (!picture) return { renditions: [], shown: '', chosen: 'auto' };
  const { name, chosen } = picture;
  return {
    renditions: picture.list().map(({ name: of, width, height, fps, bitrateKbps }) => ({
      name: of,
      width,
      height,
      fps,
      bitrateKbps,
    })),
    shown: name,
    chosen,
  };
}

function statistics(session: ViewerSession): JsonObject {
  const tracks = session.senders.map((sender) => {
    const { lastFrameAtMs, firstFrameAtMs: _, ...figures } = sender.stats();
    const present = Object.entries({ ...figures, lastFrameAt: lastFrameAtMs });
    return {
      kind: sender.stream.isVideo ? 'video' : 'audio',
      ...Object.fromEntries(present.filter(([, value]) => value !== undefined)),
    };
  });
  return { route: session.route ?? null, timelineMs: { ...session.timeline }, link: linkOf(session), tracks };
}

/** What is known of the way to the viewer, and how much of the rendition it gets. */
function linkOf({ picture }: ViewerSession): JsonObject {
  const { kbps, queueMs = 0, loss = 0 } = picture?.estimate ?? {};
  return {
    rendition: picture?.name ?? '',
    reach: picture?.reach ?? 'full',
    ...(kbps !== undefined && { estimateKbps: Math.round(kbps) }),
    queueMs: Math.round(queueMs),
    lossPercent: Math.round(1000 * loss) / 10,
  };
}
