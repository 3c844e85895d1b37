import type { LogLevel } from '../log.ts';

export type VideoCodec = 'h264' | 'h265' | 'vp8';
export type AudioCodec = 'opus' | 'pcmu' | 'pcma';

/** Where a camera's picture and sound come from. `ref` names an entry of the local `sources`. */
export type SourceConfig =
  | { type: 'test' }
  | { type: 'v4l2'; device: string; audioDevice?: string }
  | { type: 'rtsp'; url: string; subUrl?: string; credentialsRef?: string; transport?: 'tcp' | 'udp' }
  | { type: 'file'; path: string }
  | { type: 'command'; command: string[]; format: 'h264' | 'h265' | 'mjpeg' | 'mpegts' | 'nut' };

export interface RenditionConfig {
  width: number;
  height: number;
  fps: number;
  bitrateKbps: number;
}

/** `view`: one's own picture; `command`: the configured actions; `talk`: the loudspeaker. */
export type ControlPermission = 'view' | 'snapshot' | 'command' | 'talk';

export interface CameraConfig {
  /** Signaling channel name (`[a-zA-Z0-9_.-]{1,256}`). */
  channelName: string;
  enabled: boolean;
  /** Already resolved: never a `ref`. */
  source: SourceConfig;
  video: {
    codec: VideoCodec;
    /** `auto`, `copy` (pass-through) or the name of an ffmpeg encoder. */
    encoder: string;
    keyframeIntervalSeconds: number;
    /** Highest quality first. */
    renditions: Record<string, RenditionConfig>;
  };
  audio: { enabled: boolean; codec: AudioCodec; bitrateKbps: number; fec: boolean };
  /** Degrees that the picture is turned clockwise. */
  orientation?: 0 | 90 | 180 | 270;
  /** The part of the source's picture that is shown, in its pixels. */
  crop?: { x: number; y: number; width: number; height: number };
  /** Written into the picture: a line of text, and the UTC time. */
  overlay?: { text?: string; clock?: boolean };
  /** Capture one frame so often while nobody watches, to know that the camera is alive; 0 or absent: never. */
  probeIntervalSeconds?: number;
  /** Keep the camera running while nobody watches. */
  prewarm: boolean;
  /** How long the camera goes on after the last viewer left. */
  idleGraceSeconds: number;
  viewers: { max: number; maxSessionMinutes: number };
  dataChannel: {
    enabled: boolean;
    /** Labels of channels that the agent opens to every viewer. */
    open: string[];
    /** What comes on channels that nobody here knows is sent back. */
    echo: boolean;
  };
  control: {
    /** What every viewer may ask for. */
    allowed: ControlPermission[];
    /** Client ids of viewers that may ask for everything. */
    operators: string[];
  };
  /** Two-way audio; played by the first of command, file and device that is set. */
  talk: {
    enabled: boolean;
    mode: 'one' | 'mixed';
    /** ALSA. */
    device: string;
    file: string;
    command: string[];
  };
  twcc: { enabled: boolean };
  srtp: { preferGcm: boolean };
  ice: {
    /** `relay`: viewers are reached through TURN only, and do not learn the device's addresses. */
    transportPolicy: 'all' | 'relay';
    addressFamily: 'any' | 'ipv4' | 'ipv6';
    /** Names of the network interfaces to use; empty: all. */
    interfaces: string[];
  };
  storage: {
    enabled: boolean;
    /** Of picture and sound together. */
    maxBitrateKbps: number;
    /** Viewers are served too, beside the storage session. */
    serveViewers: boolean;
    /** When a storage session is replaced by the next one. */
    renewAfterMinutes: number;
  };
}

export interface SecretReference {
  /** Read when used: the name of an environment variable … */
  env?: string;
  /** … or the path of a file. Content: `user:password`. */
  file?: string;
  /** … or a secret that Greengrass's secret manager keeps on the device: its ARN or name. */
  greengrass?: string;
  /** Only cameras on these hosts may be sent it; absent: any host that a camera names. */
  hosts?: string[];
}

/** What viewers with the permission `command` can have done: a message to a local topic, or a program that runs. */
export interface ActionConfig {
  /** Of Greengrass's local publish/subscribe … */
  topic?: string;
  /** … or program and arguments. */
  command?: string[];
  timeoutSeconds?: number;
  /** Cameras whose viewers have it; absent: all. */
  cameras?: string[];
}

/** The effective configuration: every layer merged, every key validated. */
export interface AgentConfig {
  aws: {
    region: string;
    /** DescribeSignalingChannel etc.; empty: the SDK's own. */
    endpoint: string;
    useFips: boolean;
    useDualStack: boolean;
    /** Ask the region's STUN server for this device's public address. */
    useStun: boolean;
    /** Create a camera's signaling channel where it does not exist. */
    createChannel: boolean;
  };
  device: { thingName: string; certificatePath: string; privateKeyPath: string; rootCaPath: string };
  credentials: {
    source: 'auto' | 'x509' | 'token-exchange' | 'environment';
    /** `host[:port]` of the IoT credentials provider. */
    endpoint: string;
    roleAlias: string;
  };
  mqtt: { transport: 'auto' | 'ipc' | 'direct' | 'off'; endpoint: string };
  shadow: { name: string };
  /** Over MQTT. */
  commands: {
    allowed: string[];
    /** Of a snapshot that is sent over MQTT. */
    snapshotMaxKilobytes: number;
    /** `host[:port]` that snapshots may be put to. */
    uploadHosts: string[];
  };
  metrics: {
    intervalSeconds: number;
    logDurations: boolean;
    /** A dimension of every metric; empty: none. */
    fleetGroup: string;
    /** The thing's name is a dimension too. */
    thingDimension: boolean;
    /** What may be sent to viewers in a calendar month; 0: anything. */
    monthlyMegabytes: number;
    overBudget: 'warn' | 'refuse';
    /** On 127.0.0.1; 0: off. */
    prometheusPort: number;
  };
  log: { level: LogLevel };
  ffmpeg: { path: string; /** 0 to 19. */ nice: number };
  /** Caches and the last good configuration; empty: nothing is kept. */
  stateDirectory: string;
  secrets: Record<string, SecretReference>;
  actions: Record<string, ActionConfig>;
  sources: Record<string, SourceConfig>;
  cameras: Record<string, CameraConfig>;
}
