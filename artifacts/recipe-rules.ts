import { isObject, valueAt, type Json, type JsonObject } from '../src/config/layers.ts';

/**
 * Lite cannot read a recipe above 8,196 B, in whatever form the cloud hands it out; GDK writes it with 4 spaces.
 * https://github.com/aws-greengrass/aws-greengrass-lite, GGL_COMPONENT_RECIPE_MAX_LEN
 */
const MAX_BYTES = 8000;
/**
 * Every key that both nuclei understand, by its path; `*` stands for any name, `[]` for each element. Lite wants this
 * very case, and has no shutdown, recover, bootstrap and Skipif.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 */
const KEYS = new Set([
  'RecipeFormatVersion',
  'ComponentName',
  'ComponentVersion',
  'ComponentDescription',
  'ComponentPublisher',
  'ComponentConfiguration',
  'ComponentConfiguration.DefaultConfiguration',
  'ComponentDependencies',
  'ComponentDependencies.*',
  'ComponentDependencies.*.VersionRequirement',
  'ComponentDependencies.*.DependencyType',
  'Manifests',
  'Manifests.[].Name',
  ...['', '.os', '.architecture', '.runtime'].map((key) => `Manifests.[].Platform${key}`),
  'Manifests.[].Lifecycle',
  ...['install', 'startup', 'run'].flatMap((step) =>
    ['', '.Script', '.RequiresPrivilege', '.Timeout', '.Setenv', '.Setenv.*'].map(
      (key) => `Manifests.[].Lifecycle.${step}${key}`,
    ),
  ),
  'Manifests.[].Artifacts',
  ...['Uri', 'Unarchive', 'Permission', 'Permission.Read', 'Permission.Execute'].map(
    (key) => `Manifests.[].Artifacts.[].${key}`,
  ),
]);
/** Values that must be one of these. */
const CHOICES: Record<string, readonly string[]> = {
  RecipeFormatVersion: ['2020-01-25'],
  'ComponentDependencies.*.DependencyType': ['HARD', 'SOFT'],
  'Manifests.[].Platform.os': ['linux'],
  'Manifests.[].Platform.architecture': ['amd64', 'aarch64'],
  // Without it lite skips the manifest.
  'Manifests.[].Platform.runtime': ['*'],
  'Manifests.[].Artifacts.[].Unarchive': ['ZIP'],
  'Manifests.[].Artifacts.[].Permission.Read': ['ALL'],
  'Manifests.[].Artifacts.[].Permission.Execute': ['ALL'],
};
const PATTERNS: Record<string, RegExp> = {
  ComponentName: /^[a-zA-Z0-9-_.]{1,128}$/,
  ComponentVersion: /^\d+\.\d+\.\d+(-[0-9a-zA-Z.-]+)?$/,
  // GDK and the cloud put bucket, name and version in.
  'Manifests.[].Artifacts.[].Uri': /^s3:\/\/[^/]+\/[^/]+\/[^/]+\/[\w.-]+\.zip$/,
};
/** What both nuclei put in; for lite every opening brace must begin one of these. */
const VARIABLES = ['artifacts:decompressedPath', 'kernel:rootPath', 'work:path'];

/** What keeps a recipe from working on the classic nucleus or on the lite one; empty: nothing. */
export function recipeFaults(recipe: JsonObject, artifacts: readonly string[]): string[] {
  const faults = [...sizeFaults(recipe), ...keyFaults(recipe, [])];
  const manifests = valueAt(recipe, ['Manifests']);
  if (!Array.isArray(manifests) || manifests.length === 0) return [...faults, 'Manifests: there is none'];
  const defaults = valueAt(recipe, ['ComponentConfiguration', 'DefaultConfiguration']);
  for (const manifest of manifests.filter(isObject)) {
    faults.push(...lifecycleFaults(manifest));
    faults.push(...artifactFaults(manifest, artifacts));
    for (const text of textsOf(valueAt(manifest, ['Lifecycle']) ?? null))
      faults.push(...variableFaults(text, isObject(defaults) ? defaults : {}));
  }
  return faults;
}

function sizeFaults(recipe: JsonObject): string[] {
  const bytes = Buffer.byteLength(JSON.stringify(recipe, undefined, 4));
  return bytes > MAX_BYTES ? [`the recipe has ${bytes} B, more than ${MAX_BYTES}`] : [];
}

function keyFaults(value: Json, path: readonly string[]): string[] {
  const at = path.join('.');
  if (at === 'ComponentConfiguration.DefaultConfiguration') return [];
  if (Array.isArray(value)) return value.flatMap((each) => keyFaults(each, [...path, '[]']));
  if (!isObject(value)) return valueFaults(value, at);
  return Object.entries(value).flatMap(([key, inner]) => {
    const named = KEYS.has([...path, key].join('.')) ? key : '*';
    const below = [...path, named];
    if (KEYS.has(below.join('.'))) return keyFaults(inner, below);
    return [`${[...path, key].join('.')}: not a key that both nuclei know`];
  });
}

function valueFaults(value: Exclude<Json, Json[] | JsonObject>, at: string): string[] {
  const text = String(value);
  const choices = CHOICES[at];
  if (choices && !choices.includes(text)) return [`${at} is ${text}, expected ${choices.join(' or ')}`];
  if (PATTERNS[at] && !PATTERNS[at].test(text)) return [`${at} is ${text}, expected ${PATTERNS[at]}`];
  // Lite refuses anything else in Setenv.
  if (at.endsWith('.Setenv.*') && typeof value !== 'string') return [`${at} is not a text`];
  return [];
}

function lifecycleFaults(manifest: JsonObject): string[] {
  const lifecycle = valueAt(manifest, ['Lifecycle']);
  const steps = isObject(lifecycle) ? Object.keys(lifecycle) : [];
  const long = steps.filter((step) => step === 'run' || step === 'startup');
  const faults = long.length === 1 ? [] : ['Lifecycle: one of startup and run'];
  for (const step of steps) {
    if (typeof valueAt(manifest, ['Lifecycle', step, 'Script']) !== 'string')
      faults.push(`Lifecycle.${step} has no Script`);
  }
  const platform = valueAt(manifest, ['Platform', 'runtime']);
  return platform === '*' ? faults : [...faults, 'Platform.runtime: "*", or lite skips the manifest'];
}

function artifactFaults(manifest: JsonObject, built: readonly string[]): string[] {
  const list = valueAt(manifest, ['Artifacts']);
  const uris = (Array.isArray(list) ? list : []).map((each) => textOf(isObject(each) ? each.Uri : undefined));
  const names = uris.map((uri) => uri.slice(uri.lastIndexOf('/') + 1));
  const scripts = textsOf(valueAt(manifest, ['Lifecycle']) ?? null);
  const used = scripts.flatMap((text) => text.match(/(?<=\{artifacts:decompressedPath\}\/)[\w.-]+/g) ?? []);
  return [
    ...names.filter((name) => !built.includes(name)).map((name) => `Artifacts: ${name} was not built`),
    // A nucleus unpacks each zip into a folder with its name.
    ...used.filter((name) => !names.includes(`${name}.zip`)).map((name) => `Script: there is no ${name}.zip`),
  ];
}

/** Each variable must be one that both know, and its configuration key one that is always there. */
function variableFaults(text: string, defaults: JsonObject): string[] {
  return (text.match(/\{[^}]*\}?/g) ?? []).flatMap((variable) => {
    const name = variable.slice(1, -1);
    if (VARIABLES.includes(name)) return [];
    const [, pointer] = /^configuration:\/(.+)$/.exec(name) ?? [];
    const value = pointer === undefined ? undefined : valueAt(defaults, pointer.split('/'));
    return value === undefined || typeof value === 'object' ? [`${variable} cannot be replaced`] : [];
  });
}

function textsOf(value: Json): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
