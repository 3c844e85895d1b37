import type { Clock } from '../runtime/clock.ts';
import { parsedAnswer, toCredentials } from './answer.ts';
import type { CredentialsSource, FetchedCredentials } from './credentials.ts';
import { httpGet, refusalText } from './http-get.ts';

export interface TokenExchangeOptions {
  /** AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN, read at each fetch. */
  env: NodeJS.ProcessEnv;
  clock: Clock;
  timeoutMs?: number;
}

/** The nucleus itself asks the cloud, over a network that may be slow. */
const TIMEOUT_MS = 30_000;
const MEMBERS = {
  accessKeyId: 'AccessKeyId',
  secretAccessKey: 'SecretAccessKey',
  sessionToken: 'Token',
  expiration: 'Expiration',
};

/**
 * The Greengrass token exchange service: the nucleus exchanges its own certificate, also where its key is unreadable
 * for components or sits in a hardware module.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/token-exchange-service-component.html
 */
export class TokenExchangeCredentials implements CredentialsSource {
  readonly kind = 'token-exchange';
  readonly #options: TokenExchangeOptions;

  constructor(options: TokenExchangeOptions) {
    this.#options = options;
  }

  static isConfigured(env: NodeJS.ProcessEnv): boolean {
    return Boolean(env.AWS_CONTAINER_CREDENTIALS_FULL_URI);
  }

  async fetch(): Promise<FetchedCredentials> {
    const { env, clock, timeoutMs = TIMEOUT_MS } = this.#options;
    const uri = env.AWS_CONTAINER_CREDENTIALS_FULL_URI;
    if (!uri || !URL.canParse(uri)) throw new Error('AWS_CONTAINER_CREDENTIALS_FULL_URI is not set to a URL');
    const token = env.AWS_CONTAINER_AUTHORIZATION_TOKEN;
    const headers = token ? { authorization: token } : {};
    const service = 'the token exchange service of the Greengrass nucleus';
    const answer = await httpGet(new URL(uri), { clock, timeoutMs, headers }).catch((cause: unknown) => {
      throw new Error(`no credentials from ${service}`, { cause });
    });
    const { status, body } = answer;
    if (status !== 200) {
      // A cure takes a while to show: the classic nucleus keeps refusals for 2 min and faults for 1 to 5 min.
      const cure =
        CURES[status] ?? "see the nucleus's log; it repeats a failed exchange after 1 to 5 minutes only";
      throw new Error(`${service} answered ${status}${refusalText(body)} (${cure})`);
    }
    return { credentials: toCredentials(parsedAnswer(body, service), MEMBERS) };
  }
}

const CURES: Record<number, string> = {
  401: 'AWS_CONTAINER_AUTHORIZATION_TOKEN is not known to the nucleus: this component must be restarted',
  403: "the nucleus's role alias does not allow it, or AWS_CONTAINER_AUTHORIZATION_TOKEN is not known to the nucleus",
};
