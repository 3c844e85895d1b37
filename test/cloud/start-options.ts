import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isObject, type JsonObject } from '../../src/config/layers.ts';

export const USAGE = `Usage: npm start [-- options]
  --cameras N     how many cameras (1 to 16, default 1)
  --source WHAT   what they show: test (default), an rtsp:// URL, or a video file, played in a loop
  --config FILE   cameras, sources and settings of this configuration, against the local cloud
  --real          with --config: against AWS itself, as a device would; you watch with your own AWS credentials
  --port PORT     the page's port (default 8080, else the next free one)
  --verbose       the agent's debug log too
`;

const DEFAULT_PORT = 8080;
const NAMES = ['front', 'garden', 'garage', 'gate', 'hall', 'kitchen', 'yard', 'roof'];
const MAX_CAMERAS = 16;
/** More than this many encoders at full size are too much for a small machine. */
const FULL_SIZE_CAMERAS = 2;
/** What the local cloud gives the device itself. */
const CLOUD_KEYS = ['aws', 'device', 'credentials', 'mqtt', 'stateDirectory'];

export interface StartOptions {
  /** Of the agent's configuration. */
  cameras: Record<string, object>;
  /** Other keys of it. */
  settings: JsonObject;
  /** What the cameras show, for a person. */
  sourceText: string;
  /** The whole configuration, to be used against AWS. */
  real?: JsonObject;
  port: number;
  verbose: boolean;
}

/** Undefined: help is asked for. Throws with a clear text. */
export function parseOptions(): StartOptions | undefined {
  const { values } = parseArgs({
    options: {
      cameras: { type: 'string' },
      source: { type: 'string' },
      config: { type: 'string' },
      real: { type: 'boolean', default: false },
      port: { type: 'string', default: String(DEFAULT_PORT) },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { config: file, verbose } = values;
  const port = integer('--port', values.port, 0, 65_535);
  if (file === undefined) {
    if (values.real) throw new Error('--real needs --config FILE: it tells region, device and cameras');
    return { ...testCameras(values.cameras ?? '1', values.source ?? 'test'), settings: {}, port, verbose };
  }
  if (values.cameras !== undefined || values.source !== undefined) {
    throw new Error('--cameras and --source do not go with --config: the file names the cameras');
  }
  const config = readConfig(file);
  return { ...fromConfig(config, file), ...(values.real ? { real: config } : {}), port, verbose };
}

function testCameras(count: string, sourceText: string): Pick<StartOptions, 'cameras' | 'sourceText'> {
  const cameras = integer('--cameras', count, 1, MAX_CAMERAS);
  const source = parseSource(sourceText);
  const small = { width: 640, height: 360, fps: 25, bitrateKbps: 800 };
  const video = cameras > FULL_SIZE_CAMERAS ? { video: { renditions: { high: small } } } : {};
  const names = Array.from({ length: cameras }, (_, index) => NAMES[index] ?? `camera-${index + 1}`);
  return {
    cameras: Object.fromEntries(names.map((name) => [name, { source, ...video }])),
    sourceText: sourceText === 'test' ? 'test picture' : sourceText,
  };
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${name} is "${text}", expected a whole number from ${min} to ${max}`);
}

function parseSource(text: string): object {
  if (text === 'test') return { type: 'test' };
  if (/^rtsps?:\/\//.test(text)) return { type: 'rtsp', url: text };
  const path = resolve(text);
  if (existsSync(path)) return { type: 'file', path };
  throw new Error(`--source is "${text}", expected test, an rtsp:// URL or an existing file`);
}

function readConfig(file: string): JsonObject {
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`--config ${file} cannot be read: ${reason}`, { cause: error });
  }
  if (isObject(config)) return config;
  throw new Error(`--config ${file}: expected a JSON object`);
}

function fromConfig(config: JsonObject, file: string): Omit<StartOptions, 'port' | 'verbose'> {
  const { cameras, ...others } = config;
  if (!isObject(cameras) || Object.keys(cameras).length === 0) {
    throw new Error(`--config ${file} names no cameras, expected {"cameras": {"front": {…}}}`);
  }
  const entries = Object.entries(cameras).map(([name, camera]) => {
    if (isObject(camera)) return [name, camera] as const;
    throw new Error(`--config ${file}: cameras.${name} is no object`);
  });
  const settings = Object.fromEntries(Object.entries(others).filter(([key]) => !CLOUD_KEYS.includes(key)));
  return { cameras: Object.fromEntries(entries), settings, sourceText: `of ${file}` };
}
