import * as fc from 'fast-check';
import type { AgentConfig } from '../../../../src/config/config.ts';
import { isObject, type Json, type JsonObject, type Layer } from '../../../../src/config/layers.ts';

/** What the device says by itself. */
export const LOCAL: Layer[] = [
  {
    name: 'file',
    values: {
      aws: { region: 'us-west-2' },
      device: { thingName: 'model' },
      sources: { door: { type: 'command', command: ['cat'], format: 'h264' } },
      cameras: { front: { source: { type: 'test' }, viewers: { max: 4 } } },
    },
  },
];

/** The part of the configuration that the model knows. */
export interface Effective {
  level: string;
  intervalSeconds: number;
  cameras: Record<string, { max: number; bitrateKbps: number; source: string }>;
}

export function effective({ log, metrics, cameras }: AgentConfig): Effective {
  const entries = Object.entries(cameras).map(([name, { viewers, video, source }]) => {
    const bitrateKbps = video.renditions['high']?.bitrateKbps ?? 0;
    return [name, { max: viewers.max, bitrateKbps, source: source.type }] as const;
  });
  return { level: log.level, intervalSeconds: metrics.intervalSeconds, cameras: Object.fromEntries(entries) };
}

/** The same by a model of its own; undefined where the document has to be refused. */
export function model(desired: JsonObject): Effective | undefined {
  const result: Effective = { level: 'info', intervalSeconds: 60, cameras: {} };
  for (const [key, value] of Object.entries(desired)) {
    if (!isObject(value)) return undefined;
    const { level } = value;
    if (key === 'log' && typeof level === 'string' && ['debug', 'info', 'warn', 'error'].includes(level)) {
      result.level = level;
    } else if (key === 'metrics' && isWhole(value['intervalSeconds'], 1, 86_400)) {
      result.intervalSeconds = value['intervalSeconds'];
    } else if (key !== 'cameras' && !isEmpty(value, key)) {
      return undefined;
    }
  }
  const wanted = isObject(desired['cameras']) ? desired['cameras'] : {};
  for (const name of new Set(['front', ...Object.keys(wanted)])) {
    const camera = modelCamera(name, isObject(wanted[name]) ? wanted[name] : {});
    if (!camera || !(name === 'front' || name === 'back')) return undefined;
    result.cameras[name] = camera;
  }
  return result;
}

/** A group whose keys were all deleted says nothing. */
function isEmpty(value: JsonObject, key: string): boolean {
  return ['log', 'metrics'].includes(key) && Object.keys(value).length === 0;
}

function modelCamera(name: string, camera: JsonObject): Effective['cameras'][string] | undefined {
  const isLocal = name === 'front';
  const max = isObject(camera['viewers'])
    ? (camera['viewers']['max'] ?? (isLocal ? 4 : 10))
    : isLocal
      ? 4
      : 10;
  const source = isObject(camera['source']) ? camera['source'] : isLocal ? { type: 'test' } : {};
  const bitrateKbps = valueAt(camera, ['video', 'renditions', 'high', 'bitrateKbps']) ?? 2500;
  const type = SOURCES[JSON.stringify(source)];
  if (!isWhole(max, 1, 10) || !isWhole(bitrateKbps, 30, 50_000) || type === undefined) return undefined;
  return { max, bitrateKbps, source: type };
}

/** Those that the cloud may name, and what they come to. */
const SOURCES: Record<string, string> = { '{"type":"test"}': 'test', '{"ref":"door"}': 'command' };

function valueAt(value: Json | undefined, [key, ...rest]: string[]): Json | undefined {
  if (key === undefined) return value;
  return isObject(value) ? valueAt(value[key], rest) : undefined;
}

function isWhole(value: Json | undefined, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

/** One step of the cloud or of the network. `down`: the broker is away while the shadow changes. */
export interface Step {
  /** Goes into `desired`; null deletes all of it. */
  patch: JsonObject | null;
  down: boolean;
}

const cameraName = fc.constantFrom('front', 'back');
const source = fc.constantFrom<Json>(
  { type: 'test', ref: null },
  { type: null, ref: 'door' },
  { type: null, ref: null },
  { type: 'command', command: ['sh', '-c', 'reboot'], format: 'h264' },
  { type: 'file', path: '/etc/shadow' },
  { type: 'test', path: '/etc/shadow' },
);
const leaves = fc.oneof(
  fc.constantFrom<JsonObject>(
    { log: { level: 'debug' } },
    { log: { level: 'warn' } },
    { log: { level: null } },
    { log: null },
  ),
  fc
    .constantFrom<Json>(1, 30, 86_400, 0, 1.5, 'often', null)
    .map((intervalSeconds) => ({ metrics: { intervalSeconds } })),
  fc
    .record({ name: cameraName, max: fc.constantFrom<Json>(1, 5, 10, 11, -1, [1], null) })
    .map(({ name, max }) => ({
      cameras: { [name]: { viewers: { max } } },
    })),
  fc.record({ name: cameraName, kbps: fc.constantFrom<Json>(100, 4000, 5, null) }).map(({ name, kbps }) => ({
    cameras: { [name]: { video: { renditions: { high: { bitrateKbps: kbps } } } } },
  })),
  fc
    .record({ name: cameraName, source })
    .map(({ name, source: value }) => ({ cameras: { [name]: { source: value } } })),
  cameraName.map((name) => ({ cameras: { [name]: null } })),
  fc.constant<JsonObject>({ cameras: { back: { source: { type: 'test' }, viewers: { max: 2 } } } }),
);
/** Each with the patch that takes it away again, or the model would be stuck with a refused document. */
const hostile = fc.constantFrom<JsonObject>(
  { ffmpeg: { path: '/bin/sh' } },
  { device: { thingName: 'other' } },
  { actions: { a: { command: ['sh'] } } },
  { secrets: { a: { file: '/etc/shadow' } } },
  { sources: { door: { type: 'command', command: ['sh'], format: 'h264' } } },
  { stateDirectory: '/' },
  { agent: { appliedVersion: 1 } },
  JSON.parse('{"__proto__": {"polluted": true}}'),
  { constructor: { prototype: { polluted: true } } },
  { cameras: { front: { source: { type: 'rtsp', url: 'rtsp://user:pass@host/' } } } },
  { cameras: { '../../x': { source: { type: 'test' } } } },
);

export const step: fc.Arbitrary<Step> = fc.record({
  patch: fc
    .oneof(
      { weight: 14, arbitrary: leaves },
      { weight: 1, arbitrary: hostile },
      { weight: 6, arbitrary: fc.constant('heal' as const) },
      { weight: 1, arbitrary: fc.constant(null) },
    )
    .map((patch) => (patch === 'heal' ? HEAL : patch)),
  down: fc.nat(11).map((one) => one === 0),
});

/** Takes away what only a refused document has. */
const HEAL: JsonObject = {
  ...Object.fromEntries(
    ['ffmpeg', 'device', 'secrets', 'sources', 'stateDirectory', 'agent', 'constructor'].map((key) => [
      key,
      null,
    ]),
  ),
  metrics: { intervalSeconds: 20 },
  cameras: {
    '../../x': null,
    front: { viewers: { max: null }, video: null, source: null },
    back: null,
  },
};
Object.defineProperty(HEAL, '__proto__', { value: null, enumerable: true });
