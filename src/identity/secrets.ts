import { readFile } from 'node:fs/promises';
import type { SecretReference } from '../config/config.ts';

/** What the secrets of a configuration are looked up in. */
export interface SecretPlaces {
  secrets: Readonly<Record<string, SecretReference>>;
  env: NodeJS.ProcessEnv;
  /** `user:password` of a secret of Greengrass's secret manager; absent outside of Greengrass. */
  greengrassLogin?: ((secretId: string) => Promise<string>) | undefined;
}

export interface Login {
  user: string;
  password: string;
}

/**
 * Reads the login that `credentialsRef` names, for a camera on `host`: at each use, so that a changed password needs no restart.
 * Its text is `user:password`; a line end behind it is left out.
 * @throws Error that names the reference and the cure, never the secret.
 */
export async function readLogin(places: SecretPlaces, credentialsRef: string, host: string): Promise<Login> {
  const secret = places.secrets[credentialsRef];
  if (!secret) throw new Error(`there is no secrets.${credentialsRef}`);
  if (secret.hosts && !secret.hosts.some((allowed) => allowed.toLowerCase() === host.toLowerCase())) {
    throw new Error(`secrets.${credentialsRef}.hosts does not allow it to be sent to ${host}`);
  }
  const text = (await readSecret(secret, places, credentialsRef)).replace(/\r?\n$/, '');
  const colon = text.indexOf(':');
  if (colon < 1) throw new Error(`secrets.${credentialsRef} does not hold "user:password"`);
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

async function readSecret(
  { env: name, file, greengrass }: SecretReference,
  { env, greengrassLogin }: SecretPlaces,
  credentialsRef: string,
): Promise<string> {
  if (name !== undefined) {
    const value = env[name];
    if (value === undefined)
      throw new Error(`secrets.${credentialsRef}: the environment variable ${name} is not set`);
    return value;
  }
  if (greengrass !== undefined) {
    if (!greengrassLogin) throw new Error(`secrets.${credentialsRef}: not started by the Greengrass nucleus`);
    return await greengrassLogin(greengrass);
  }
  if (file === undefined) throw new Error(`secrets.${credentialsRef} names no place`);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Error(`secrets.${credentialsRef}: the file ${file} cannot be read`, { cause });
  }
}
