import { actionShape, agentShape, secretShape } from './agent-schema.ts';
import { cameraShape, channelName, renditionShape, type CameraKeys } from './camera-schema.ts';
import type {
  ActionConfig,
  AgentConfig,
  CameraConfig,
  RenditionConfig,
  SecretReference,
  SourceConfig,
} from './config.ts';
import { ConfigError, FaultReport } from './faults.ts';
import { isHostileKey, isObject, mergeLayers, type Json, type JsonObject, type Layer } from './layers.ts';
import { readKeys } from './shape.ts';
import { readReferencedSource, readSource } from './source.ts';

const MAX_CAMERAS = 16;
const MAX_RENDITIONS = 6;
const MAX_NAMED = 64;
const MAX_DEPTH = 12;
/** `audio` names the sound's track, `auto` the choice among renditions. */
const RESERVED_RENDITIONS = ['audio', 'auto'];
const MAPS = ['cameras', 'sources', 'secrets', 'actions'];
/** Where a secret may be kept. */
const SECRET_PLACES = ['env', 'file', 'greengrass'] as const;

/**
 * The effective configuration of all layers, the last one winning, defaults below them all.
 * Throws a `ConfigError` with every fault.
 */
export function buildConfig(layers: readonly Layer[]): AgentConfig {
  const report = new FaultReport(layers);
  for (const { values } of layers) checkKeyNames(values, report);
  if (report.faults.length > 0) throw new ConfigError(report.faults);
  const config = readConfig(mergeLayers(layers), report);
  if (report.faults.length > 0) throw new ConfigError(report.faults);
  return config;
}

/** Faults for keys that reach into prototypes, and for nesting without end; nothing else may read before this. */
export function checkKeyNames(
  values: JsonObject | Json[],
  report: FaultReport,
  path: readonly string[] = [],
): void {
  for (const [key, value] of Object.entries(values)) {
    const at = [...path, key];
    if (isHostileKey(key)) report.add(at, undefined, 'another key, this one is reserved');
    else if (at.length > MAX_DEPTH) report.add(at, undefined, `at most ${MAX_DEPTH} levels`);
    else if (isObject(value) || Array.isArray(value)) checkKeyNames(value, report, at);
  }
}

function readConfig(values: JsonObject, report: FaultReport): AgentConfig {
  const agent = readKeys(agentShape, values, [], report, MAPS);
  const secrets = readMap(values.secrets, ['secrets'], MAX_NAMED, report, (entry, path) =>
    readSecret(entry, path, report),
  );
  const actions = readMap(values.actions, ['actions'], MAX_NAMED, report, (entry, path) =>
    readAction(entry, path, report),
  );
  const sources = readMap(values.sources, ['sources'], MAX_NAMED, report, (entry, path) =>
    readSource(entry, path, secrets, report),
  );
  const cameras = readMap(values.cameras, ['cameras'], MAX_CAMERAS, report, (entry, path) =>
    readCamera(entry, path, { secrets, sources, thingName: agent.device.thingName }, report),
  );
  checkChannels(cameras, report);
  return { ...agent, secrets, actions, sources, cameras };
}

/** The entries of a map, each read by `read`. */
function readMap<T>(
  value: Json | undefined,
  path: readonly string[],
  max: number,
  report: FaultReport,
  read: (entry: JsonObject, path: readonly string[]) => T,
): Record<string, T> {
  const entries: Record<string, T> = {};
  if (value === undefined) return entries;
  if (!isObject(value)) {
    report.add(path, value, 'an object');
    return entries;
  }
  const names = Object.keys(value);
  if (names.length > max) report.add(path, names.length, `at most ${max} entries`);
  for (const name of names.slice(0, max)) {
    const at = [...path, name];
    const entry = value[name];
    if (!/^[a-zA-Z][\w-]{0,63}$/.test(name)) {
      report.add(at, undefined, 'a name of 1 to 64 letters, digits, _ and -, beginning with a letter');
    } else if (!isObject(entry)) {
      report.add(at, entry, 'an object');
    } else {
      entries[name] = read(entry, at);
    }
  }
  return entries;
}

function readSecret(value: JsonObject, path: readonly string[], report: FaultReport): SecretReference {
  const faultsBefore = report.faults.length;
  const secret = readKeys(secretShape, value, path, report);
  if (SECRET_PLACES.filter((place) => place in value).length !== 1)
    report.add(path, value, `one of ${SECRET_PLACES.join(', ')}`);
  return report.faults.length === faultsBefore ? secret : {};
}

function readAction(value: JsonObject, path: readonly string[], report: FaultReport): ActionConfig {
  const action = readKeys(actionShape, value, path, report);
  if ('topic' in value === 'command' in value) report.add(path, value, 'either topic or command');
  return action;
}

interface Surroundings {
  secrets: Record<string, SecretReference>;
  sources: Record<string, SourceConfig>;
  thingName: string;
}

function readCamera(
  value: JsonObject,
  path: readonly string[],
  { secrets, sources, thingName }: Surroundings,
  report: FaultReport,
): CameraConfig {
  const { source: sourceValue, ...values } = value;
  const { renditions: renditionValues, ...video } = isObject(values.video) ? values.video : {};
  if (isObject(values.video)) values.video = video;
  const keys = readKeys(cameraShape, values, path, report, ['source']);

  checkCrop(keys.crop, [...path, 'crop'], report);
  checkStorage(keys, path, report);

  const source = readReferencedSource(sourceValue, [...path, 'source'], { secrets, sources }, report);
  const renditions = readRenditions(renditionValues, [...path, 'video', 'renditions'], report);
  const channelPath = [...path, 'channelName'];
  const channel = keys.channelName || `${thingName}-${path.at(-1)}`;
  if (!keys.channelName && !thingName) {
    report.add(channelPath, undefined, 'a channel name, or device.thingName for <thing name>-<camera>');
  } else if (!channelName.accepts(channel)) {
    report.add(channelPath, keys.channelName || channel, channelName.expected);
  }
  return { ...keys, channelName: channel, source, video: { ...keys.video, renditions } };
}

function checkCrop(crop: CameraConfig['crop'], path: readonly string[], report: FaultReport): void {
  if (!crop) return;
  for (const key of ['x', 'y', 'width', 'height']) {
    if (!Object.hasOwn(crop, key))
      report.add([...path, key], undefined, 'all of x, y, width and height, or none');
  }
}

/** WebRTC ingestion takes nothing else. */
function checkStorage(
  { storage, video, audio }: CameraKeys,
  path: readonly string[],
  report: FaultReport,
): void {
  if (!storage.enabled) return;
  const why = 'as storage.enabled takes nothing else';
  if (video.codec !== 'h264') report.add([...path, 'video', 'codec'], video.codec, `h264, ${why}`);
  if (audio.codec !== 'opus') report.add([...path, 'audio', 'codec'], audio.codec, `opus, ${why}`);
}

function readRenditions(
  value: Json | undefined,
  path: readonly string[],
  report: FaultReport,
): Record<string, RenditionConfig> {
  const given =
    value === undefined || (isObject(value) && Object.keys(value).length === 0) ? { high: {} } : value;
  const renditions = readMap(given, path, MAX_RENDITIONS, report, (entry, at) =>
    readKeys(renditionShape, entry, at, report),
  );
  for (const name of RESERVED_RENDITIONS) {
    if (Object.hasOwn(renditions, name))
      report.add([...path, name], undefined, 'another name, this one is reserved');
  }
  // Documents do not keep an order that could be relied on.
  const best = Object.entries(renditions).toSorted(
    ([, one], [, other]) =>
      other.bitrateKbps - one.bitrateKbps || other.width * other.height - one.width * one.height,
  );
  return Object.fromEntries(best);
}

/** One master per channel: a second camera on it would push the first one off, for ever. */
function checkChannels(cameras: Record<string, CameraConfig>, report: FaultReport): void {
  const owners = new Map<string, string>();
  for (const [name, { channelName: channel }] of Object.entries(cameras)) {
    const owner = owners.get(channel);
    if (owner === undefined) owners.set(channel, name);
    else report.add(['cameras', name, 'channelName'], channel, `another channel than cameras.${owner} has`);
  }
}
