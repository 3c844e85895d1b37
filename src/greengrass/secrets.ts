import { isObject, type JsonObject } from '../config/layers.ts';
import type { IpcConnection } from './ipc-connection.ts';
import { IpcError } from './ipc-error.ts';

/**
 * `user:password` out of a secret that the secret manager component keeps on the device: as text, or as JSON with
 * `username` and `password`, which is how AWS Secrets Manager stores logins. Rejects with the cure where there is
 * none. https://docs.aws.amazon.com/greengrass/v2/developerguide/ipc-secret-manager.html
 */
export async function secretLogin(connection: IpcConnection, secretId: string): Promise<string> {
  const { secretString, secretBinary } = await read(connection, secretId);
  const binary = typeof secretBinary === 'string' ? Buffer.from(secretBinary, 'base64').toString() : '';
  const text = typeof secretString === 'string' ? secretString : binary;
  const { username, password } = jsonMembers(text);
  const login =
    typeof username === 'string' && typeof password === 'string' ? `${username}:${password}` : text;
  if (!login.includes(':')) {
    throw new Error(`the secret ${secretId} holds neither user:password nor JSON with username and password`);
  }
  return login;
}

async function read(connection: IpcConnection, secretId: string): Promise<JsonObject> {
  try {
    const { secretValue } = await connection.call('GetSecretValue', { secretId });
    return isObject(secretValue) ? secretValue : {};
  } catch (cause) {
    throw new Error(`the secret ${secretId} cannot be read: ${cureOf(cause)}`, { cause });
  }
}

function cureOf(error: unknown): string {
  if (!(error instanceof IpcError)) return 'is the nucleus well?';
  if (error.isUnsupported) return 'this nucleus has no secret manager (lite has none); use a file';
  if (error.code === 'UnauthorizedError') {
    return "the recipe's accessControl must allow aws.greengrass#GetSecretValue (aws.greengrass.SecretManager)";
  }
  return 'is it listed in cloudSecrets of the component aws.greengrass.SecretManager, and was it deployed?';
}

function jsonMembers(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
