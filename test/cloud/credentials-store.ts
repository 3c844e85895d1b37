import { randomBytes } from 'node:crypto';
import { plant } from '../support/run-record.ts';

export interface StoredCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Temporary credentials only. */
  sessionToken?: string;
  /** Epoch milliseconds of the cloud's clock; temporary credentials only. */
  expiresAt?: number;
}

/** Every key pair the cloud gave out; what the signature check knows callers by. */
export class CredentialsStore {
  readonly #byAccessKeyId = new Map<string, StoredCredentials>();

  /** Long-lived keys of a user (`AKIA…`): viewers, and the agent's `environment` source. */
  addUser(): StoredCredentials {
    return this.#add({ accessKeyId: `AKIA${keyId()}`, secretAccessKey: secret(30) });
  }

  /** A role's expiring keys (`ASIA…`). */
  addTemporary(expiresAt: number): Required<StoredCredentials> {
    const credentials = {
      accessKeyId: `ASIA${keyId()}`,
      secretAccessKey: secret(30),
      // Base64 with its + / = on purpose, as real tokens have: they must survive URL encoding.
      sessionToken: `IQoJb3JpZ2luX2Vj+/${secret(300)}==`,
      expiresAt,
    };
    this.#add(credentials);
    return credentials;
  }

  find(accessKeyId: string): StoredCredentials | undefined {
    return this.#byAccessKeyId.get(accessKeyId);
  }

  /** From now on every temporary key pair is refused, as after a role's sessions were revoked. */
  expireTemporary(): void {
    for (const credentials of this.#byAccessKeyId.values()) {
      if (credentials.sessionToken) credentials.expiresAt = 0;
    }
  }

  #add(credentials: StoredCredentials): StoredCredentials {
    this.#byAccessKeyId.set(credentials.accessKeyId, credentials);
    plant(credentials.secretAccessKey, credentials.sessionToken ?? '');
    return credentials;
  }
}

function keyId(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return Array.from(randomBytes(16), (byte) => alphabet[byte & 31]).join('');
}

function secret(bytes: number): string {
  return randomBytes(bytes).toString('base64');
}
