import { isIP } from 'node:net';
import type { InputSource } from './capture-plan.ts';
import type { V4l2Format } from './v4l2-formats.ts';

/** Login of an IP camera. */
export interface Credentials {
  user: string;
  password: string;
}

/** ffmpeg's input options for a source. */
export interface SourceArgs {
  args: string[];
  stdinText?: string;
  producer?: readonly string[];
  /** What must not be shown anywhere. */
  secrets: string[];
  /** How long the first frame may take, and any later one. */
  firstFrameTimeoutMs: number;
  stallTimeoutMs: number;
}

export interface SourceContext {
  /** ffmpeg's version, e.g. 5.01 for 5.1. */
  version: number;
  credentials?: Credentials;
  v4l2Format?: V4l2Format;
}

const RAW_FORMATS = { h264: 'h264', h265: 'hevc', mjpeg: 'mjpeg', mpegts: 'mpegts', nut: 'nut' } as const;
/**
 * Stamp what has no stamps, never hold frames back for reordering, and do not collect frames to guess a rate. No `-fflags nobuffer`: it
 * throws away what was read while the source was analysed, the first key frame among it.
 */
const LOW_DELAY = ['-fflags', '+genpts', '-flags', 'low_delay'];
const QUICK_START = { fpsprobesize: '0', analyzeduration: '1000000' };
const SOCKET_TIMEOUT_US = '5000000';

/** For every source but `test`. */
export function sourceArgs(
  source: Exclude<InputSource, { type: 'test' }>,
  fps: number,
  context: SourceContext,
): SourceArgs {
  if (source.type === 'rtsp') return rtspArgs(source, context);
  if (source.type === 'v4l2') return v4l2Args(source.device, fps, context.v4l2Format);
  if (source.type === 'alsa') return alsaArgs(source.device);
  if (source.type === 'command') return commandArgs(source, fps);
  const args = ['-fflags', '+genpts', '-stream_loop', '-1', '-re', '-i', `file:${source.path}`];
  return { args, secrets: [], firstFrameTimeoutMs: 10_000, stallTimeoutMs: 5000 };
}

function commandArgs(source: Extract<InputSource, { type: 'command' }>, fps: number): SourceArgs {
  const raw = source.format !== 'mpegts' && source.format !== 'nut';
  // A raw stream has no stamps of its own: the time of arrival is the best there is. Its first bytes tell all.
  const stamps = ['-probesize', '32', '-framerate', String(fps), '-use_wallclock_as_timestamps', '1'];
  const analysis = raw ? stamps : ['-analyzeduration', '500000'];
  const args = [
    ...LOW_DELAY,
    '-fpsprobesize',
    '0',
    '-f',
    RAW_FORMATS[source.format],
    ...analysis,
    '-i',
    'pipe:0',
  ];
  return { args, producer: source.command, secrets: [], firstFrameTimeoutMs: 15_000, stallTimeoutMs: 5000 };
}

/** Names of sound cards only: other ALSA names carry parameters, and `file:` among them writes files and runs programs. */
const ALSA_DEVICE = /^([\w-]+|(hw|plughw|sysdefault|dsnoop|front):[\w=,-]+)$/;
const VIDEO_DEVICE = /^\/dev\/(video[\w-]+|v4l\/by-(id|path)\/[\w.:+-]+)$/;

/** Through ALSA's plug layer every device gives 48 kHz mono. */
function alsaArgs(device: string): SourceArgs {
  if (!ALSA_DEVICE.test(device)) throw new Error('the audio device must be an ALSA card such as plughw:1,0');
  const args = [
    '-f',
    'alsa',
    '-channels',
    '1',
    '-sample_rate',
    '48000',
    '-i',
    device.replace(/^hw:/, 'plughw:'),
  ];
  return { args, secrets: [], firstFrameTimeoutMs: 4000, stallTimeoutMs: 2000 };
}

function v4l2Args(device: string, fps: number, format: V4l2Format | undefined): SourceArgs {
  if (!VIDEO_DEVICE.test(device)) throw new Error('the video device must look like /dev/video0');
  const args = ['-f', 'v4l2', '-timestamps', 'abs', '-thread_queue_size', '16'];
  if (format) args.push('-input_format', format.name, '-video_size', `${format.width}x${format.height}`);
  args.push('-framerate', String(fps), '-fpsprobesize', '0', '-flags', 'low_delay', '-i', device);
  return { args, secrets: [], firstFrameTimeoutMs: 10_000, stallTimeoutMs: 4000 };
}

/**
 * A URL with a login is handed over on standard input, inside a playlist of one entry: nobody finds it in the
 * process list. ffmpeg before 5.0 cannot pass RTSP options through a playlist; there it stands in the arguments.
 */
function rtspArgs(source: Extract<InputSource, { type: 'rtsp' }>, context: SourceContext): SourceArgs {
  const { version, credentials } = context;
  const limits = { firstFrameTimeoutMs: 15_000, stallTimeoutMs: 5000 };
  const url = checkedRtspUrl(source.url);
  const timeout = version >= 5 ? 'timeout' : 'stimeout';
  const options = { rtsp_transport: source.transport, [timeout]: SOCKET_TIMEOUT_US, ...QUICK_START };
  const flags = Object.entries(options).flatMap(([name, value]) => [`-${name}`, value]);
  const direct = (address: string) => [...LOW_DELAY, ...flags, '-i', address];
  const { href, username, password } = withLogin(url, credentials);
  if (username === '' && password === '') return { args: direct(href), secrets: [], ...limits };
  const secrets = [href, password, decodeURIComponent(password)];
  if (version < 5) return { args: direct(href), secrets, ...limits };
  const playlist = [
    'ffconcat version 1.0',
    `file '${href.replaceAll("'", '%27')}'`,
    ...Object.entries(options).map(([name, value]) => `option ${name} ${value}`),
  ];
  const protocols = 'pipe,rtsp,rtsps,rtp,udp,tcp,tls,crypto,srtp,http,https,httpproxy';
  const args = [...LOW_DELAY, '-f', 'concat', '-safe', '0', '-protocol_whitelist', protocols, '-i', 'pipe:0'];
  return { args, stdinText: `${playlist.join('\n')}\n`, secrets, ...limits };
}

/** Host name of a camera's URL, for the secret that may only go to certain hosts. */
export function rtspHost(url: string): string {
  return checkedRtspUrl(url).hostname.replace(/^\[(.*)\]$/, '$1');
}

function checkedRtspUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
  const hostIsRight = isIP(host) !== 0 || /^[\w.-]+$/.test(host);
  if (url === undefined || !/^rtsps?:$/.test(url.protocol) || !hostIsRight || /[\s\p{Cc}]/u.test(text)) {
    throw new Error('the camera URL must look like rtsp://host[:port]/path');
  }
  return url;
}

function withLogin(url: URL, credentials: Credentials | undefined): URL {
  if (!credentials) return url;
  const complete = new URL(url.href);
  complete.username = encodeURIComponent(credentials.user);
  complete.password = encodeURIComponent(credentials.password);
  return complete;
}
