import type { CredentialsSource, FetchedCredentials } from './credentials.ts';

/** Access keys from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where temporary, AWS_SESSION_TOKEN. */
export class EnvironmentCredentials implements CredentialsSource {
  readonly kind = 'environment';
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  static isConfigured(env: NodeJS.ProcessEnv): boolean {
    return Boolean(env.AWS_ACCESS_KEY_ID && env.AWS_SECRET_ACCESS_KEY);
  }

  fetch(): Promise<FetchedCredentials> {
    const accessKeyId = this.#env.AWS_ACCESS_KEY_ID;
    const secretAccessKey = this.#env.AWS_SECRET_ACCESS_KEY;
    const sessionToken = this.#env.AWS_SESSION_TOKEN;
    if (!accessKeyId || !secretAccessKey) {
      return Promise.reject(new Error('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set'));
    }
    return Promise.resolve({
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    });
  }
}
