import type { Configuration } from './config-store.ts';
import { valueAt } from './config-store.ts';

export type Personality = 'classic' | 'lite';
/** In the order they run; `shutdown` when the component is stopped. */
export type Phase = 'install' | 'startup' | 'run' | 'shutdown';

export interface Script {
  text: string;
  requiresPrivilege: boolean;
  timeoutMs: number;
  environment: Record<string, string>;
}

/** What a nucleus takes from a recipe for one platform. */
export interface Recipe {
  componentName: string;
  version: string;
  defaultConfiguration: Configuration;
  dependencies: string[];
  scripts: Partial<Record<Phase, Script>>;
}

/** https://github.com/aws-greengrass/aws-greengrass-lite, GGL_COMPONENT_RECIPE_MAX_LEN */
const LITE_MAX_BYTES = 8196;
const CLASSIC_MAX_BYTES = 16_000;
const DEFAULT_TIMEOUT_SECONDS = { install: 120, startup: 120, run: 0, shutdown: 15 };
/** Lite runs no other phases. */
const LITE_PHASES: readonly Phase[] = ['install', 'startup', 'run'];

/**
 * Reads a JSON recipe as the nucleus would: classic whatever the case of its keys, lite only as written in the
 * documentation. Throws what the nucleus would stumble over.
 */
export function parseRecipe(text: string, personality: Personality): Recipe {
  const isLite = personality === 'lite';
  const limit = isLite ? LITE_MAX_BYTES : CLASSIC_MAX_BYTES;
  const bytes = Buffer.byteLength(text);
  if (bytes > limit) throw new Error(`the recipe has ${bytes} B, ${personality} takes ${limit} B`);
  const document: unknown = JSON.parse(text);
  const read = (value: unknown, key: string) => memberOf(value, key, isLite);
  const manifests = read(document, 'Manifests');
  const manifest: unknown = (Array.isArray(manifests) ? manifests : []).find((candidate: unknown) => {
    const platform = read(candidate, 'Platform');
    return (
      [undefined, 'linux', '*', 'all'].includes(asText(read(platform, 'os'))) &&
      (!isLite || read(platform, 'runtime') === '*')
    );
  });
  if (manifest === undefined) throw new Error(`no manifest for linux on ${personality}`);
  const lifecycle = read(manifest, 'Lifecycle');
  const shared = textMap(read(lifecycle, 'Setenv'));
  const scripts: Recipe['scripts'] = {};
  for (const phase of ['install', 'startup', 'run', 'shutdown'] as const) {
    const section = read(lifecycle, phase);
    if (section === undefined || (isLite && !LITE_PHASES.includes(phase))) continue;
    scripts[phase] = readScript(section, phase, shared, read);
  }
  const configuration = valueAt(document, ['ComponentConfiguration', 'DefaultConfiguration']);
  return {
    componentName: required(read(document, 'ComponentName'), 'ComponentName'),
    version: required(read(document, 'ComponentVersion'), 'ComponentVersion'),
    defaultConfiguration: { ...(typeof configuration === 'object' ? configuration : {}) },
    dependencies: Object.keys({ ...asMap(read(document, 'ComponentDependencies')) }),
    scripts,
  };
}

function readScript(
  section: unknown,
  phase: Phase,
  shared: Record<string, string>,
  read: (value: unknown, key: string) => unknown,
): Script {
  const isPlain = typeof section === 'string';
  const timeout = isPlain ? undefined : read(section, 'Timeout');
  return {
    text: required(isPlain ? section : read(section, 'Script'), `${phase}.Script`),
    requiresPrivilege: !isPlain && String(read(section, 'RequiresPrivilege')) === 'true',
    timeoutMs: 1000 * Number(timeout ?? DEFAULT_TIMEOUT_SECONDS[phase]),
    environment: isPlain ? shared : { ...shared, ...textMap(read(section, 'Setenv')) },
  };
}

function memberOf(value: unknown, key: string, isExact: boolean): unknown {
  const entries = Object.entries(asMap(value));
  return entries.find(
    ([name]) => name === key || (!isExact && name.toLowerCase() === key.toLowerCase()),
  )?.[1];
}

function asMap(value: unknown): object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function required(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`the recipe has no ${what}`);
  return value;
}

function textMap(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(asMap(value)).map(([key, inner]) => [key, String(inner)]));
}

export interface RecipeVariables {
  rootPath: string;
  /** `{artifacts:path}`, without a slash at its end. */
  artifactsPath: string;
  decompressedPath: string;
  workPath: string;
  thingName: string;
  configuration: Configuration;
}

/**
 * A script or value with its recipe variables replaced. Classic leaves braces alone that hold no known variable; for
 * lite *every* opening brace begins one, so that `${HOME}` or `{ …; }` in a script is an error.
 */
export function interpolate(text: string, variables: RecipeVariables, personality: Personality): string {
  if (personality === 'lite') {
    return text.replace(/\{([^}]*)(\}?)/g, (whole, name: string, closing: string) => {
      const value = closing === '' ? undefined : valueOf(name, variables, personality);
      if (value === undefined) throw new Error(`lite cannot replace ${whole} in a script`);
      return value;
    });
  }
  return text.replace(
    /\{([a-z]+:[^{}]+)\}/gi,
    (whole, name: string) => valueOf(name, variables, personality) ?? whole,
  );
}

function valueOf(name: string, variables: RecipeVariables, personality: Personality): string | undefined {
  const slash = personality === 'lite' ? '/' : '';
  switch (name) {
    case 'kernel:rootPath':
      return variables.rootPath;
    case 'artifacts:path':
      return variables.artifactsPath + slash;
    case 'artifacts:decompressedPath':
      return variables.decompressedPath + slash;
    case 'work:path':
      return variables.workPath + slash;
    case 'iot:thingName':
      return variables.thingName;
    default:
      return name.startsWith('configuration:/') ? configurationText(name, variables, personality) : undefined;
  }
}

function configurationText(
  name: string,
  { configuration }: RecipeVariables,
  personality: Personality,
): string | undefined {
  const keys = name.slice('configuration:/'.length).split('/');
  const value = valueAt(
    configuration,
    keys.filter((key) => key !== ''),
  );
  if (value === undefined) return undefined;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return personality === 'lite' ? text.replace(/["\\$`]/g, '\\$&') : text;
}
