import { sourceShapes } from './camera-schema.ts';
import type { SecretReference, SourceConfig } from './config.ts';
import type { FaultReport } from './faults.ts';
import { isObject, type Json, type JsonObject } from './layers.ts';
import { nearest } from './nearest.ts';
import { readKeys } from './shape.ts';

interface Named {
  secrets: Record<string, SecretReference>;
  sources: Record<string, SourceConfig>;
}

/** Stands in for a source that was reported; the configuration is refused then. */
const NONE: SourceConfig = { type: 'test' };

/** A camera's source: `{type, …}`, or `{ref}` to an entry of `sources`. */
export function readReferencedSource(
  value: Json | undefined,
  path: readonly string[],
  { secrets, sources }: Named,
  report: FaultReport,
): SourceConfig {
  if (!isObject(value)) {
    report.add(path, value, 'an object with type or ref');
    return NONE;
  }
  if (!Object.hasOwn(value, 'ref')) return readSource(value, path, secrets, report);
  const { ref, ...others } = value;
  for (const key of Object.keys(others)) report.add([...path, key], others[key], 'nothing beside ref');
  const source = typeof ref === 'string' && Object.hasOwn(sources, ref) ? sources[ref] : undefined;
  if (!source) report.add([...path, 'ref'], ref, dangling('sources', ref, sources));
  return source ?? NONE;
}

/** A source with a type. */
export function readSource(
  value: JsonObject,
  path: readonly string[],
  secrets: Record<string, SecretReference>,
  report: FaultReport,
): SourceConfig {
  const { type, ...values } = value;
  switch (type) {
    case 'test':
      return { type, ...readKeys(sourceShapes.test, values, path, report) };
    case 'v4l2':
      return { type, ...readKeys(sourceShapes.v4l2, values, path, report) };
    case 'file':
      return { type, ...readKeys(sourceShapes.file, values, path, report) };
    case 'command':
      return { type, ...readKeys(sourceShapes.command, values, path, report) };
    case 'rtsp': {
      const source = { type, ...readKeys(sourceShapes.rtsp, values, path, report) };
      checkCredentials(source, path, secrets, report);
      return source;
    }
    default:
      report.add([...path, 'type'], type, expectedType(type));
      return NONE;
  }
}

function expectedType(given: Json | undefined): string {
  const types = Object.keys(sourceShapes);
  const meant = typeof given === 'string' ? nearest(given, types) : undefined;
  return `one of ${types.join(', ')}${meant === undefined ? '' : ` (did you mean "${meant}"?)`}`;
}

/** The secret exists, and may be sent to the hosts that the source names. */
function checkCredentials(
  { url, subUrl, credentialsRef }: { url: string; subUrl?: string; credentialsRef?: string },
  path: readonly string[],
  secrets: Record<string, SecretReference>,
  report: FaultReport,
): void {
  if (typeof credentialsRef !== 'string') return;
  const secret = Object.hasOwn(secrets, credentialsRef) ? secrets[credentialsRef] : undefined;
  if (!secret) {
    report.add([...path, 'credentialsRef'], credentialsRef, dangling('secrets', credentialsRef, secrets));
    return;
  }
  for (const [key, address] of Object.entries({ url, subUrl })) {
    if (!secret.hosts || !URL.canParse(address ?? '')) continue;
    const host = new URL(address ?? '').hostname.replace(/^\[|\]$/g, '').toLowerCase();
    if (secret.hosts.some((allowed) => allowed.toLowerCase() === host)) continue;
    report.add([...path, key], address, `one of the hosts that secrets.${credentialsRef} may be sent to`);
  }
}

function dangling(section: string, name: Json | undefined, entries: Record<string, unknown>): string {
  const names = Object.keys(entries);
  const meant = typeof name === 'string' ? nearest(name, names) : undefined;
  if (meant !== undefined) return `an entry of ${section} (did you mean "${meant}"?)`;
  return `an entry of ${section}, which has ${names.length > 0 ? names.join(', ') : 'none'}`;
}
