import { LOG_LEVELS } from '../log.ts';
import type { ActionConfig, AgentConfig, SecretReference } from './config.ts';
import { choice, flag, hostAndPort, list, orEmpty, orNone, path, text, whole } from './formats.ts';
import type { Shape } from './shape.ts';

/** AWS names things and shadows alike. */
const thingName = text('name', '1 to 128 letters, digits and _ - :', /^[a-zA-Z0-9_:-]{1,128}$/);

/** The keys outside the maps. */
export const agentShape: Shape<Omit<AgentConfig, 'cameras' | 'sources' | 'secrets' | 'actions'>> = {
  aws: {
    region: {
      doc: 'AWS region of the signaling channels.',
      format: text('region', 'an AWS region, e.g. us-west-2', /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/),
      default: null,
      scope: 'local',
      env: ['AWS_REGION', 'AWS_DEFAULT_REGION'],
    },
    endpoint: {
      doc: "Endpoint of Kinesis Video Streams, e.g. a VPC endpoint's. Empty: the region's own.",
      format: orEmpty(text('URL', 'an https:// URL', /^https?:\/\/[^\s@]{1,500}$/)),
      default: '',
      scope: 'local',
    },
    useFips: { doc: 'Use the FIPS endpoints.', format: flag, default: false, scope: 'local' },
    useDualStack: { doc: 'Use the IPv4 and IPv6 endpoints.', format: flag, default: false, scope: 'local' },
    useStun: {
      doc: "Ask the region's STUN server for this device's public address.",
      format: flag,
      default: true,
      scope: 'local',
    },
    createChannel: {
      doc: "Create a camera's signaling channel where it does not exist.",
      format: flag,
      default: false,
      scope: 'local',
    },
  },
  device: {
    thingName: {
      doc: 'Name of the IoT thing that this device is.',
      format: orEmpty(thingName),
      default: '',
      scope: 'local',
      env: ['AWS_IOT_THING_NAME'],
    },
    certificatePath: {
      doc: 'Device certificate, PEM. Read again at each renewal of the credentials.',
      format: orEmpty(path),
      default: '',
      scope: 'local',
    },
    privateKeyPath: {
      doc: 'Private key of the device certificate, PEM.',
      format: orEmpty(path),
      default: '',
      scope: 'local',
    },
    rootCaPath: {
      doc: "CA certificates that AWS IoT's servers are checked against, PEM. Empty: Node's own list.",
      format: orEmpty(path),
      default: '',
      scope: 'local',
    },
  },
  credentials: {
    source: {
      doc: 'Where AWS credentials come from. `auto`: x509 where it is configured and the key is readable, else token-exchange, else environment.',
      format: choice('auto', 'x509', 'token-exchange', 'environment'),
      default: 'auto',
      scope: 'local',
    },
    endpoint: {
      doc: 'IoT credentials provider (`aws iot describe-endpoint --endpoint-type iot:CredentialProvider`).',
      format: orEmpty(hostAndPort),
      default: '',
      scope: 'local',
    },
    roleAlias: {
      doc: 'IoT role alias that the certificate is exchanged for.',
      format: orEmpty(text('name', '1 to 128 letters, digits and _ = , @ -', /^[\w=,@-]{1,128}$/)),
      default: '',
      scope: 'local',
    },
  },
  mqtt: {
    transport: {
      doc: 'How IoT Core is reached. `auto`: through the Greengrass nucleus where there is one, else directly where an endpoint is set.',
      format: choice('auto', 'ipc', 'direct', 'off'),
      default: 'auto',
      scope: 'local',
    },
    endpoint: {
      doc: 'IoT Core endpoint for `direct` (`aws iot describe-endpoint --endpoint-type iot:Data-ATS`).',
      format: orEmpty(hostAndPort),
      default: '',
      scope: 'local',
    },
  },
  shadow: {
    name: {
      doc: 'Named shadow that configures the agent; `<name>-status` reports its state.',
      format: text('name', '1 to 57 letters, digits and _ - :', /^[a-zA-Z0-9_:-]{1,57}$/),
      default: 'kvs-webrtc',
      scope: 'local',
    },
  },
  commands: {
    allowed: {
      doc: 'Commands that are taken over MQTT: `status`, `restart-camera`, `reload`, `snapshot`.',
      format: orNone(list(choice('status', 'restart-camera', 'reload', 'snapshot'))),
      default: ['status'],
      scope: 'local',
    },
    snapshotMaxKilobytes: {
      doc: 'Size up to which a snapshot is sent over MQTT, in pieces; a larger one is refused.',
      format: whole(1, 256),
      default: 96,
      scope: 'local',
    },
    uploadHosts: {
      doc: 'Hosts (`host` or `host:port`, as the URL has it) that the command `snapshot` may put a picture to over HTTPS. Empty: none.',
      format: orNone(list(hostAndPort)),
      default: [],
      scope: 'local',
    },
  },
  metrics: {
    intervalSeconds: {
      doc: 'How often metrics are published.',
      format: whole(1, 86_400),
      default: 60,
      scope: 'shadow',
    },
    logDurations: {
      doc: "Log each viewer's connect durations when its session ends.",
      format: flag,
      default: false,
      scope: 'shadow',
    },
    fleetGroup: {
      doc: 'Name of the group of devices that this one belongs to: a dimension of every metric.',
      format: orEmpty(text('name', '1 to 64 letters, digits and . _ : -', /^[\w.:-]{1,64}$/)),
      default: '',
      scope: 'shadow',
    },
    thingDimension: {
      doc: "Make the thing's name a dimension too: every device then has metrics of its own, and each of them is paid for.",
      format: flag,
      default: false,
      scope: 'shadow',
    },
    monthlyMegabytes: {
      doc: 'What may be sent to viewers in a calendar month; an alarm tells when 80 % and all of it are used. 0: no limit.',
      format: whole(0, 100_000_000),
      default: 0,
      scope: 'shadow',
    },
    overBudget: {
      doc: 'When all of `monthlyMegabytes` is used: `warn` only, or `refuse` viewers until the month ends, those who watch too. Recording goes on.',
      format: choice('warn', 'refuse'),
      default: 'warn',
      scope: 'shadow',
    },
    prometheusPort: {
      doc: 'Port of `http://127.0.0.1:<port>/metrics` for Prometheus. 0: off.',
      format: whole(0, 65_535),
      default: 0,
      scope: 'local',
    },
  },
  log: {
    level: {
      doc: 'How much is logged.',
      format: choice(...LOG_LEVELS),
      default: 'info',
      scope: 'shadow',
      env: ['KVS_LOG_LEVEL'],
    },
  },
  ffmpeg: {
    path: {
      doc: 'The ffmpeg program: a path, or a name looked up in PATH.',
      format: path,
      default: 'ffmpeg',
      scope: 'local',
      env: ['KVS_FFMPEG_PATH'],
    },
    nice: {
      doc: 'Niceness of ffmpeg and camera commands: with a higher one they leave the processor to others.',
      format: whole(0, 19),
      default: 0,
      scope: 'local',
    },
  },
  stateDirectory: {
    doc: 'Folder for caches and the last good configuration. Empty: nothing is kept.',
    format: orEmpty(path),
    default: '',
    scope: 'local',
    env: ['KVS_STATE_DIRECTORY'],
  },
};

/** One entry of `secrets`. */
export const secretShape: Shape<SecretReference> = {
  env: {
    doc: 'Environment variable that holds `user:password`.',
    format: text('name', 'the name of an environment variable', /^[A-Za-z_][A-Za-z0-9_]{0,127}$/),
    default: null,
    optional: true,
    scope: 'local',
  },
  file: {
    doc: 'File that holds `user:password`.',
    format: path,
    default: null,
    optional: true,
    scope: 'local',
  },
  greengrass: {
    doc: "ARN or name of a secret in Greengrass's secret manager: `user:password`, or JSON with `username` and `password`. Classic nucleus only.",
    format: text('name', 'the ARN or the name of a secret', /^[\w/+=.@:-]{1,2048}$/),
    default: null,
    optional: true,
    scope: 'local',
  },
  hosts: {
    doc: 'The only hosts that it may be sent to. Set it where whoever writes the shadow shall not learn it.',
    format: list(text('host', 'host names or addresses', /^[\w.:-]{1,253}$/)),
    default: null,
    optional: true,
    scope: 'local',
  },
};

/** One entry of `actions`. */
export const actionShape: Shape<ActionConfig> = {
  topic: {
    doc: "Topic of Greengrass's local publish/subscribe that it is sent to; the reply comes on `<topic>/reply`.",
    format: text('topic', 'a topic without wildcards', /^[^#+*?]{1,200}$/),
    default: null,
    optional: true,
    scope: 'local',
  },
  command: {
    doc: 'Program and arguments instead; no shell. It reads the message on its standard input and prints the reply.',
    format: list(text('text', 'texts without control characters', /^.{0,4000}$/)),
    default: null,
    optional: true,
    scope: 'local',
  },
  timeoutSeconds: {
    doc: 'How long a reply is awaited. Absent: 5.',
    format: whole(1, 30),
    default: null,
    optional: true,
    scope: 'local',
  },
  cameras: {
    doc: 'Cameras whose viewers have it. Absent: all.',
    format: list(text('name', 'names of cameras', /^[a-zA-Z][\w-]{0,63}$/)),
    default: null,
    optional: true,
    scope: 'local',
  },
};
