import type { CameraConfig } from './config/config.ts';
import { ChannelLabels, type ChannelHandler, type ViewerChannel } from './control/channel-labels.ts';
import { Control, CONTROL_LABEL, type Permission } from './control/control.ts';
import { livePictures } from './control/live-pictures.ts';
import { readSnapshotRequest, Snapshots, type Jpeg } from './control/snapshot.ts';
import { snapshotMethod } from './control/snapshot-method.ts';
import { viewMethods, type ViewingViewer } from './control/view-methods.ts';
import type { JsonObject } from './config/layers.ts';
import type { Log } from './log.ts';
import type { MediaStream } from './rtp/media-stream.ts';
import type { Clock } from './runtime/clock.ts';
import type { ViewerSession } from './webrtc/viewer-session.ts';

export interface CameraControlOptions {
  camera: string;
  /** As of now. */
  config: () => CameraConfig;
  ffmpeg: { path: string; nice: number };
  /** The best picture; keeps the camera running until released. */
  leasePicture: () => { stream: MediaStream; release: () => void };
  /** Channels that are served elsewhere, by label. */
  others: Readonly<Record<string, ChannelHandler<ViewerSession>>>;
  clock: Clock;
  log: Log;
}

/** What viewers and operators may ask of one camera. */
export class CameraControl {
  readonly #snapshots: Snapshots;
  readonly #labels: ChannelLabels<ViewerSession>;

  constructor(options: CameraControlOptions) {
    const { camera, config, ffmpeg, leasePicture, others, clock, log } = options;
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
    const control = new Control<ViewingViewer>({
      camera,
      methods: { ...viewMethods(), snapshot: snapshotMethod(this.#snapshots) },
      permissions: (clientId) => permissions(config(), clientId),
      clock,
      log,
    });
    this.#labels = new ChannelLabels({
      handlers: {
        ...others,
        [CONTROL_LABEL]: (channel, session) => control.serve(channel, viewOf(session, config)),
      },
      echoesOthers: () => config().dataChannel.echo,
    });
  }

  /** A viewer has opened a data channel. */
  serve(channel: ViewerChannel, session: ViewerSession): void {
    this.#labels.serve(channel, session);
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

/** Only the best rendition is produced; there is nothing to choose from yet. */
function viewOf(session: ViewerSession, config: () => CameraConfig): ViewingViewer {
  const list = () =>
    Object.entries(config().video.renditions)
      .slice(0, 1)
      .map(([name, rendition]) => ({ name, ...rendition }));
  const shown = () => list()[0]?.name ?? '';
  return {
    clientId: session.clientId,
    renditions: () => ({ renditions: list(), shown: shown(), chosen: 'auto' }),
    choose: (rendition) => rendition === 'auto' || rendition === shown(),
    requestKeyframe: () => {
      for (const sender of session.senders) sender.onPictureLoss(sender.ssrc);
    },
    pause: () => session.senders.forEach((sender) => sender.pause()),
    resume: () => session.senders.forEach((sender) => sender.start()),
    statistics: () => statistics(session),
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
  return { route: session.route ?? null, timelineMs: { ...session.timeline }, tracks };
}
