import { agentShape } from './agent-schema.ts';
import { buildConfig, checkKeyNames } from './build.ts';
import { cameraShape, sourceShapes } from './camera-schema.ts';
import type { AgentConfig } from './config.ts';
import { ConfigError, FaultReport, type Fault } from './faults.ts';
import { isObject, type Json, type JsonObject, type Layer } from './layers.ts';
import { isKey, type AnyShape } from './shape.ts';

/** What became of a desired document: applied as a whole or refused as a whole. */
export type DesiredOutcome = { accepted: true; config: AgentConfig } | { accepted: false; faults: Fault[] };

/** AWS IoT's own limit for a shadow document, in bytes. */
const MAX_BYTES = 8192;
const SHADOW_SOURCES = ['test', 'v4l2', 'rtsp'];
/** Opening any other device has effects of its own: a watchdog begins to count, a serial line resets its board. */
const CAMERA_DEVICE = /^\/dev\/(?:video\d{1,3}|v4l\/by-(?:id|path)\/[\w.:+-]+)$/;
/** ALSA's other plug-ins write files and start programs (`file:`, `tee:`). */
const MICROPHONE = /^(?:default|pulse|pipewire|(?:default|sysdefault|hw|plughw|dsnoop|front):[\w,=]+)$/;
const PASSWORD_PARAMETER = /(?:user|pass|pwd|auth|token)[a-z_]*=/i;

/**
 * The effective configuration with the device shadow's `desired` above the local layers. The cloud may only set
 * what has scope `shadow`, so that whoever may write the shadow gets no shell, reads no file and cannot change who
 * the device is. Never throws: everything wrong is in `faults`.
 */
export function applyDesired(local: readonly Layer[], desired: unknown): DesiredOutcome {
  const shadow: Layer = { name: 'shadow', values: isObject(desired) ? desired : {} };
  const layers = [...local, shadow];
  const report = new FaultReport(layers);
  if (!isObject(desired)) report.add(['desired'], undefined, 'an object');
  else checkKeyNames(desired, report);
  // Only what is not nested too deeply can be measured.
  if (report.faults.length === 0 && Buffer.byteLength(JSON.stringify(desired)) > MAX_BYTES) {
    report.add(['desired'], undefined, `at most ${MAX_BYTES} bytes`);
  }
  if (report.faults.length > 0) return { accepted: false, faults: report.faults };

  checkScope(shadow.values, report);
  try {
    const config = buildConfig(layers);
    return report.faults.length > 0 ? { accepted: false, faults: report.faults } : { accepted: true, config };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const scoped = new Set(report.faults.map(({ key }) => key));
    return {
      accepted: false,
      faults: [...report.faults, ...error.faults.filter(({ key }) => !scoped.has(key))],
    };
  }
}

/** Faults for what only the device itself may set. Unknown keys are left to the check of the whole. */
function checkScope(desired: JsonObject, report: FaultReport): void {
  checkKeys(desired, agentShape, [], report);
  for (const section of ['secrets', 'actions', 'sources']) {
    if (Object.hasOwn(desired, section)) report.add([section], undefined, LOCAL_ONLY);
  }
  if (!isObject(desired.cameras)) return;
  for (const [name, camera] of Object.entries(desired.cameras)) {
    if (!isObject(camera)) continue;
    checkKeys(camera, cameraShape, ['cameras', name], report);
    checkSource(camera.source, ['cameras', name, 'source'], report);
  }
}

const LOCAL_ONLY = 'nothing here: only the device itself may set it';

function checkKeys(values: JsonObject, shape: AnyShape, path: readonly string[], report: FaultReport): void {
  for (const [name, value] of Object.entries(values)) {
    const node = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (!node) continue;
    const at = [...path, name];
    const isLocalKey = isKey(node) ? node.scope === 'local' : !isObject(value) && isLocal(node);
    if (isLocalKey) report.add(at, value, LOCAL_ONLY);
    else if (!isKey(node) && isObject(value)) checkKeys(value, node, at, report);
  }
}

/** True for a group of nothing but local keys, which must not be removed as a whole either. */
function isLocal(shape: AnyShape): boolean {
  return Object.values(shape).every((node) => (isKey(node) ? node.scope === 'local' : isLocal(node)));
}

function checkSource(source: Json | undefined, path: readonly string[], report: FaultReport): void {
  if (!isObject(source) || Object.hasOwn(source, 'ref')) return;
  const { type, device, audioDevice, url, subUrl } = source;
  if (typeof type === 'string' && Object.hasOwn(sourceShapes, type) && !SHADOW_SOURCES.includes(type)) {
    const cure = `${SHADOW_SOURCES.join(', ')} or {"ref": …} to a source of the device's own configuration`;
    report.add([...path, 'type'], type, cure);
  }
  check('device', device, CAMERA_DEVICE, '/dev/video… or a link below /dev/v4l/by-id or by-path');
  check('audioDevice', audioDevice, MICROPHONE, 'default or one of hw: plughw: sysdefault: dsnoop: front:');
  for (const [key, address] of Object.entries({ url, subUrl })) {
    if (typeof address !== 'string' || !PASSWORD_PARAMETER.test(address)) continue;
    report.add([...path, key], address, 'a URL without user and password: use credentialsRef');
  }

  function check(key: string, value: Json | undefined, pattern: RegExp, expected: string): void {
    if (typeof value === 'string' && !pattern.test(value)) report.add([...path, key], value, expected);
  }
}
