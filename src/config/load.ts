import { readFile } from 'node:fs/promises';
import { FatalStartupError } from '../errors.ts';
import { agentShape } from './agent-schema.ts';
import { findJsonFault } from './json-text.ts';
import { isObject, type JsonObject, type Layer } from './layers.ts';
import { isKey, type AnyShape } from './shape.ts';

export interface LocalSettings {
  /** Path of a JSON configuration file. */
  file?: string;
  env: NodeJS.ProcessEnv;
}

/**
 * The layers that this machine gives, lowest first: the file, then the environment variables of the schema.
 * Throws a `FatalStartupError` where the file cannot be read or is not a JSON object.
 */
export async function loadLocal({ file, env }: LocalSettings): Promise<Layer[]> {
  const layers: Layer[] = [];
  if (file !== undefined) layers.push({ name: `file ${file}`, values: await readConfigFile(file) });
  layers.push({ name: 'environment', values: fromEnvironment(agentShape, env) });
  return layers;
}

/** A JSON object from a file. Throws a `FatalStartupError` that says what is wrong, with the line. */
async function readConfigFile(file: string): Promise<JsonObject> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    throw new FatalStartupError(`the configuration file ${file} cannot be read`, { cause });
  }
  const fault = findJsonFault(text);
  if (fault) {
    const where = `${file}:${fault.line}:${fault.column}`;
    throw new FatalStartupError(`the configuration file is not valid JSON, ${where}: ${fault.problem}`);
  }
  const values: unknown = JSON.parse(text);
  if (!isObject(values))
    throw new FatalStartupError(`the configuration file ${file} must hold a JSON object`);
  return values;
}

/** The values of all keys that have an environment variable which is set. */
function fromEnvironment(shape: AnyShape, env: NodeJS.ProcessEnv): JsonObject {
  const values: JsonObject = {};
  for (const [name, node] of Object.entries(shape)) {
    if (isKey(node)) {
      const variable = node.env?.find((candidate) => env[candidate]);
      const value = variable === undefined ? undefined : env[variable];
      if (value !== undefined) values[name] = value;
    } else {
      const group = fromEnvironment(node, env);
      if (Object.keys(group).length > 0) values[name] = group;
    }
  }
  return values;
}
