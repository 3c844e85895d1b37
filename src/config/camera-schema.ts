import type { CameraConfig, RenditionConfig, SourceConfig } from './config.ts';
import { choice, decimal, even, flag, list, oneOf, orEmpty, path, text, whole, orNone } from './formats.ts';
import type { Shape } from './shape.ts';
import { talkShape } from './talk-schema.ts';

/** A camera without its source, which depends on a type, and its renditions, which are a map. */
export type CameraKeys = Omit<CameraConfig, 'source' | 'video'> & {
  video: Omit<CameraConfig['video'], 'renditions'>;
};

/** AWS: CreateSignalingChannel, ChannelName. */
export const channelName = text('name', '1 to 256 letters, digits and _ . -', /^[a-zA-Z0-9_.-]{1,256}$/);

const optional = { default: null, optional: true, scope: 'shadow' } as const;

export const cameraShape: Shape<CameraKeys> = {
  channelName: {
    doc: 'Signaling channel of this camera. Empty: `<thing name>-<camera>`.',
    format: orEmpty(channelName),
    default: '',
    scope: 'shadow',
  },
  enabled: {
    doc: 'False is the privacy switch: the device is closed and no viewer is served.',
    format: flag,
    default: true,
    scope: 'shadow',
  },
  video: {
    codec: { doc: 'Video codec.', format: choice('h264', 'h265', 'vp8'), default: 'h264', scope: 'shadow' },
    encoder: {
      doc: '`auto`, `copy` (the source as it is) or the name of an ffmpeg encoder.',
      format: text('name', 'auto, copy or the name of an ffmpeg encoder', /^[a-z][a-z0-9_]{1,31}$/),
      default: 'auto',
      scope: 'shadow',
    },
    keyframeIntervalSeconds: {
      doc: 'Time between key frames.',
      format: decimal(0.2, 20),
      default: 2,
      scope: 'shadow',
    },
  },
  audio: {
    enabled: { doc: 'Send sound.', format: flag, default: true, scope: 'shadow' },
    codec: { doc: 'Audio codec.', format: choice('opus', 'pcmu', 'pcma'), default: 'opus', scope: 'shadow' },
    bitrateKbps: { doc: 'Bit rate of Opus.', format: whole(6, 510), default: 32, scope: 'shadow' },
    fec: {
      doc: 'Opus: a lost packet is made up from the next. For speech on lossy links; everything else sounds duller.',
      format: flag,
      default: false,
      scope: 'shadow',
    },
  },
  orientation: {
    doc: 'Degrees that the picture is turned clockwise.',
    format: oneOf(0, 90, 180, 270),
    default: 0,
    scope: 'shadow',
  },
  crop: {
    x: { doc: 'Left edge of what is shown, in pixels of the source.', format: whole(0, 8190), ...optional },
    y: { doc: 'Upper edge of what is shown.', format: whole(0, 8190), ...optional },
    width: { doc: 'Width of what is shown.', format: even(32, 8192), ...optional },
    height: { doc: 'Height of what is shown.', format: even(32, 8192), ...optional },
  },
  overlay: {
    text: {
      doc: 'A line of text in the picture.',
      // What ffmpeg's filters give a meaning to is escaped there; it is not let in here either.
      format: text('text', 'at most 64 characters without \\ % [ ] { }', /^[^\\%[\]{}]{0,64}$/u),
      ...optional,
    },
    clock: { doc: 'The UTC time in the picture.', format: flag, ...optional },
  },
  probeIntervalSeconds: {
    doc: 'How often one frame is captured while nobody watches, to know that the camera is alive. 0: never.',
    format: whole(0, 86_400),
    default: 0,
    scope: 'shadow',
  },
  prewarm: {
    doc: 'Keep the camera running while nobody watches: the first picture comes sooner.',
    format: flag,
    default: false,
    scope: 'shadow',
  },
  idleGraceSeconds: {
    doc: 'How long the camera goes on after its last viewer has left.',
    format: whole(0, 86_400),
    default: 10,
    scope: 'shadow',
  },
  viewers: {
    // The service's own limit is 10 viewers a channel.
    max: { doc: 'Viewers served at once.', format: whole(1, 10), default: 10, scope: 'shadow' },
    maxSessionMinutes: {
      doc: 'Longest visit. 0: any.',
      format: whole(0, 10_080),
      default: 0,
      scope: 'shadow',
    },
  },
  dataChannel: {
    enabled: { doc: 'Accept data channels.', format: flag, default: true, scope: 'shadow' },
    open: {
      doc: 'Labels of reliable data channels that the agent opens to every viewer that has data channels, e.g. `control`: for viewers that open none.',
      format: orNone(list(text('label', 'labels of 1 to 64 characters', /^.{1,64}$/))),
      default: [],
      scope: 'shadow',
    },
    echo: {
      doc: 'Send back what comes on data channels with other labels than the agent knows, for tests.',
      format: flag,
      default: false,
      scope: 'shadow',
    },
  },
  control: {
    allowed: {
      doc: 'What every viewer may ask for over the data channel `control`: `view` (its own picture), `snapshot`, `command`, `talk`.',
      format: orNone(list(choice('view', 'snapshot', 'command', 'talk'))),
      default: ['view', 'snapshot'],
      scope: 'local',
    },
    operators: {
      doc: 'Client ids of viewers that may ask for all of it. Whoever may connect as a viewer chooses its client id.',
      format: orNone(list(text('client id', 'client ids', /^[\w.-]{1,256}$/))),
      default: [],
      scope: 'local',
    },
  },
  talk: talkShape,
  twcc: {
    enabled: {
      doc: 'Negotiate transport-wide congestion control feedback.',
      format: flag,
      default: true,
      scope: 'shadow',
    },
  },
  ice: {
    transportPolicy: {
      doc: "`relay`: reach viewers through TURN only, so that they do not learn the device's addresses.",
      format: choice('all', 'relay'),
      default: 'all',
      scope: 'shadow',
    },
    addressFamily: {
      doc: "Which of the device's addresses are offered to viewers.",
      format: choice('any', 'ipv4', 'ipv6'),
      default: 'any',
      scope: 'shadow',
    },
    interfaces: {
      doc: 'Network interfaces whose addresses are offered to viewers, e.g. `eth0`. Empty: all.',
      format: orNone(list(text('name', 'names of network interfaces', /^[\w.:@-]{1,15}$/))),
      default: [],
      scope: 'shadow',
    },
  },
  srtp: {
    preferGcm: {
      doc: 'Encrypt media with AES-GCM rather than AES-CM and HMAC-SHA1 where the viewer has both. Costs about half as much CPU again.',
      format: flag,
      default: false,
      scope: 'shadow',
    },
  },
  storage: {
    enabled: {
      doc: 'Record through WebRTC ingestion into the stream linked to the channel, in H.264 and Opus. The camera then runs all the time.',
      format: flag,
      default: false,
      scope: 'shadow',
    },
    maxBitrateKbps: {
      doc: "Upper bound of what is recorded, sound included: the best rendition below it, or one made for it. AWS's own limit is 1000 unless it was raised.",
      format: whole(100, 50_000),
      default: 1000,
      scope: 'shadow',
    },
    serveViewers: {
      doc: 'Answer viewers beside the recording. On a channel with storage AWS brings viewers through the stream or the storage session instead.',
      format: flag,
      default: false,
      scope: 'shadow',
    },
    renewAfterMinutes: {
      doc: 'How long one storage session is used; AWS ends it after 60.',
      format: decimal(0.1, 58),
      default: 52,
      scope: 'shadow',
    },
  },
};

/** One entry of `video.renditions`. A camera without any has one, `high`, with these defaults. */
export const renditionShape: Shape<RenditionConfig> = {
  width: { doc: 'Pixels.', format: even(32, 3840), default: 1280, scope: 'shadow' },
  height: { doc: 'Pixels.', format: even(32, 2160), default: 720, scope: 'shadow' },
  fps: { doc: 'Pictures per second.', format: whole(1, 120), default: 30, scope: 'shadow' },
  bitrateKbps: {
    doc: 'Upper bound of the bit rate.',
    format: whole(30, 50_000),
    default: 2500,
    scope: 'shadow',
  },
};

export type SourceType = SourceConfig['type'];
export type SourceOf<T extends SourceType> = Extract<SourceConfig, { type: T }>;

/** Printable ASCII without what could end a quoted string or start another option where a URL is written down. */
const rtspUrl = text(
  'URL',
  'an rtsp:// or rtsps:// URL without user and password (they belong in a secret: credentialsRef)',
  /^rtsps?:\/\/(?:[a-zA-Z0-9][\w.-]*|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?(?:[/?][^\s"'\\<>^`{|}@\u0080-\uffff]{0,1000})?$/,
);

/** The keys of a source beside `type`, by type. */
export const sourceShapes: { [T in SourceType]: Shape<Omit<SourceOf<T>, 'type'>> } = {
  test: {},
  v4l2: {
    device: {
      doc: 'Video4Linux device, e.g. `/dev/video0` or a link below `/dev/v4l/by-id/`. The shadow may name only these.',
      format: text(
        '/dev/…',
        'a device below /dev, e.g. /dev/video0',
        /^(?!.*\/\.\.?(?:\/|$))\/dev\/[\w./:+-]{1,200}$/,
      ),
      default: null,
      scope: 'shadow',
    },
    audioDevice: {
      doc: 'ALSA device of the microphone, e.g. `default` or `plughw:1,0`. Absent: silence.',
      format: text('ALSA name', 'an ALSA device, e.g. default or plughw:1,0', /^[a-zA-Z][\w:,.=-]{0,127}$/),
      ...optional,
    },
  },
  rtsp: {
    url: {
      doc: 'Stream of the camera, `rtsp://` or `rtsps://`, without user and password.',
      format: rtspUrl,
      default: null,
      scope: 'shadow',
    },
    subUrl: {
      doc: "The camera's second, smaller stream: a rendition that costs no encoding.",
      format: rtspUrl,
      ...optional,
    },
    credentialsRef: {
      doc: 'Entry of `secrets` with the user and password.',
      format: text('name', 'the name of an entry of secrets', /^[\w-]{1,64}$/),
      ...optional,
    },
    transport: {
      doc: 'How RTP comes from the camera. Absent: `tcp`.',
      format: choice('tcp', 'udp'),
      ...optional,
    },
  },
  file: {
    path: { doc: 'Media file, played in a loop.', format: path, default: null, scope: 'local' },
  },
  command: {
    command: {
      doc: 'Program and arguments; no shell. It prints the stream to its standard output.',
      format: list(text('text', 'texts without control characters', /^.{0,4000}$/)),
      default: null,
      scope: 'local',
    },
    format: {
      doc: 'What the command prints. `nut` is the quickest: the others tell the end of a picture by the next one.',
      format: choice('h264', 'h265', 'mjpeg', 'mpegts', 'nut'),
      default: null,
      scope: 'local',
    },
  },
};
