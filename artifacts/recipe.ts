/**
 * Writes into recipes/recipe.json and gdk-config.json what follows from elsewhere: the version of package.json and the
 * DefaultConfiguration of the configuration's schema. With --check says whether they are current.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { format } from 'prettier';
import { agentShape } from '../src/config/agent-schema.ts';
import { isObject, valueAt, type Json, type JsonObject } from '../src/config/layers.ts';
import { isKey, type AnyShape } from '../src/config/shape.ts';
import { PROJECT, projectVersion, readJson } from './bundle.ts';
import type { Architecture } from './node-runtime.ts';

export const RECIPE_FILE = join(PROJECT, 'recipes/recipe.json');
const GDK_FILE = join(PROJECT, 'gdk-config.json');

/**
 * What the component's configuration starts with: every default of the schema that says something. Empty ones must
 * stay out: they would hide what the agent learns from the nucleus. `accessControl` and `installPackages` are the
 * recipe's own.
 */
export function defaultConfiguration(own: JsonObject): JsonObject {
  const { accessControl = {}, installPackages = false } = own;
  return { accessControl, installPackages, ...defaultsOf(agentShape), cameras: {} };
}

function defaultsOf(shape: AnyShape): JsonObject {
  const defaults: JsonObject = {};
  for (const [name, node] of Object.entries(shape)) {
    const value: Json = isKey(node) ? node.default : defaultsOf(node);
    const isEmpty = value === null || value === '' || (isObject(value) && Object.keys(value).length === 0);
    if (!isEmpty) defaults[name] = value;
  }
  return defaults;
}

/** The recipe as recipes/recipe.json holds it, with everything that follows from elsewhere brought up to date. */
export function currentRecipe(): JsonObject {
  const recipe = readJson(RECIPE_FILE);
  const own = valueAt(recipe, ['ComponentConfiguration', 'DefaultConfiguration']);
  return {
    ...recipe,
    ComponentVersion: projectVersion(),
    ComponentConfiguration: { DefaultConfiguration: defaultConfiguration(isObject(own) ? own : {}) },
  };
}

/** The name of a zip, and of the folder that a nucleus unpacks it into. */
export function artifactName(architecture: Architecture, withNode: boolean): string {
  return `kvs-webrtc-agent-linux-${architecture}${withNode ? '' : '-without-node'}`;
}

/** The recipe for what was packaged: manifests of these architectures, naming these zips. */
export function deviceRecipe(architectures: readonly Architecture[], withNode: boolean): JsonObject {
  const { Manifests, ...rest } = currentRecipe();
  const manifests = (Array.isArray(Manifests) ? Manifests : []).flatMap((manifest) => {
    const text = JSON.stringify(manifest);
    const architecture = architectures.find((each) => text.includes(artifactName(each, true)));
    if (architecture === undefined) return [];
    const renamed = text.replaceAll(artifactName(architecture, true), artifactName(architecture, withNode));
    const value: Json = JSON.parse(renamed);
    return [value];
  });
  return { ...rest, Manifests: manifests };
}

/** GDK's settings, whose version must be the recipe's. */
function currentGdkConfig(): JsonObject {
  const config = readJson(GDK_FILE);
  const components = Object.entries(isObject(config.component) ? config.component : {});
  const component = components.map(([name, each]) => {
    return [name, { ...(isObject(each) ? each : {}), version: projectVersion() }] as const;
  });
  return { ...config, component: Object.fromEntries(component) };
}

async function update(file: string, current: JsonObject): Promise<void> {
  const text = await format(JSON.stringify(current, undefined, 2), { parser: 'json', printWidth: 110 });
  if (text === readFileSync(file, 'utf8')) return;
  if (process.argv.includes('--check')) {
    process.stderr.write(`${relative(PROJECT, file)} is not current: node artifacts/recipe.ts\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, text);
  }
}

if (import.meta.main) {
  await update(RECIPE_FILE, currentRecipe());
  await update(GDK_FILE, currentGdkConfig());
}
