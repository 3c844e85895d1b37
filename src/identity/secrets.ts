import { readFile } from 'node:fs/promises';
import type { SecretReference } from '../config/config.ts';

export interface Login {
  user: string;
  password: string;
}

/**
 * Reads the login that `credentialsRef` names, for a camera on `host`: at each use, so that a changed password needs no restart.
 * Its text is `user:password`; a line end behind it is left out.
 * @throws Error that names the reference and the cure, never the secret.
 */
export async function readLogin(
  secrets: Readonly<Record<string, SecretReference>>,
  env: NodeJS.ProcessEnv,
  credentialsRef: string,
  host: string,
): Promise<Login> {
  const secret = secrets[credentialsRef];
  if (!secret) throw new Error(`there is no secrets.${credentialsRef}`);
  if (secret.hosts && !secret.hosts.some((allowed) => allowed.toLowerCase() === host.toLowerCase())) {
    throw new Error(`secrets.${credentialsRef}.hosts does not allow it to be sent to ${host}`);
  }
  const text = (await readSecret(secret, env, credentialsRef)).replace(/\r?\n$/, '');
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error(`secrets.${credentialsRef} does not hold "user:password"`);
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

async function readSecret(
  { env: name, file }: SecretReference,
  env: NodeJS.ProcessEnv,
  credentialsRef: string,
): Promise<string> {
  if (name !== undefined) {
    const value = env[name];
    if (value === undefined)
      throw new Error(`secrets.${credentialsRef}: the environment variable ${name} is not set`);
    return value;
  }
  if (file === undefined) throw new Error(`secrets.${credentialsRef} names neither env nor file`);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Error(`secrets.${credentialsRef}: the file ${file} cannot be read`, { cause });
  }
}
