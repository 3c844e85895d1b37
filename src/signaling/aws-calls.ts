import type { Agent } from 'node:https';
import type { KinesisVideoClient } from '@aws-sdk/client-kinesis-video';
import type { Clock } from '../runtime/clock.ts';
import type { ClockSkew } from './clock-skew.ts';
import type { CredentialsProvider } from './control-plane.ts';
import { clockHint, ServiceError, type ServiceRefusal } from './service-error.ts';

export interface AwsCallsOptions {
  region: string;
  credentials: CredentialsProvider;
  skew: ClockSkew;
  clock: Clock;
  /** Of the Kinesis Video control plane; empty: the SDK's own, which honours AWS_ENDPOINT_URL_KINESIS_VIDEO. */
  endpoint?: string;
  useFips?: boolean;
  useDualStack?: boolean;
  /** Carries proxies and certificate authorities; may be shared with the WebSockets. */
  agent?: Agent;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** One repetition by the SDK, for a corrected clock or a hiccup; an outage is the supervisor's. */
const MAX_ATTEMPTS = 2;
/** Next to the HTTP handler: sees refusals too. */
export const DATE_READER = { step: 'deserialize', priority: 'low', name: 'dateReader' } as const;

/** What every REST call through the AWS SDK has in common: clients' options, the clock, failures as ServiceErrors, their end. */
export class AwsCalls {
  readonly #options: AwsCallsOptions;
  readonly #closing = new AbortController();
  /** For each call. */
  readonly abortable = { abortSignal: this.#closing.signal };
  #control: KinesisVideoClient | undefined;

  constructor(options: AwsCallsOptions) {
    this.#options = options;
  }

  /** Ends the calls under way: they reject. */
  close(): void {
    this.#closing.abort();
  }

  /** Resolves when there are credentials. */
  async ready(): Promise<void> {
    await this.#options.credentials.get();
  }

  /** The client of the control plane, made when first asked for. */
  controlClient(sdk: typeof import('@aws-sdk/client-kinesis-video')): KinesisVideoClient {
    if (this.#control === undefined) {
      const { endpoint, useFips = false, useDualStack = false } = this.#options;
      this.#control = new sdk.KinesisVideoClient({
        ...this.clientOptions(),
        // A client takes an endpoint or the flags, never both.
        ...(endpoint ? { endpoint } : { useFipsEndpoint: useFips, useDualstackEndpoint: useDualStack }),
      });
      this.#control.middlewareStack.add(
        (next) => async (args) => this.readDate(await next(args)),
        DATE_READER,
      );
    }
    return this.#control;
  }

  clientOptions() {
    const { region, credentials, skew, agent } = this.#options;
    return {
      region,
      // Our provider caches and refreshes; an expiry in the past keeps the SDK from caching on top of it.
      credentials: async () => {
        const { accessKeyId, secretAccessKey, sessionToken } = await credentials.get();
        const token = sessionToken === undefined ? {} : { sessionToken };
        return { accessKeyId, secretAccessKey, ...token, expiration: new Date(0) };
      },
      maxAttempts: MAX_ATTEMPTS,
      systemClockOffset: skew.offsetMs,
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        throwOnRequestTimeout: true,
        ...(agent === undefined ? {} : { httpsAgent: agent }),
      },
    };
  }

  /** Learns the service's clock from an answer. */
  readDate<T extends { response: unknown }>(result: T): T {
    this.#options.skew.learn(responseHeader(result.response, 'date'));
    return result;
  }

  /** Rejects with a ServiceError. `what` names the call. */
  async attempt<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const { skew, clock, credentials } = this.#options;
      const refusal = refusalOf(error);
      const hint = clockHint(clock.now(), skew.offsetMs, error);
      // The SDK's error is no cause to pass on where the service spoke: its text may hold the session token.
      const answered = refusal.statusCode !== undefined;
      const failure = new ServiceError(what, refusal, hint, answered ? undefined : error);
      if (failure.fault === 'denied') credentials.invalidate?.();
      throw failure;
    }
  }
}

export function required(what: string, name: string, value: string | undefined): string {
  if (value) return value;
  throw new ServiceError(what, { message: `the answer has no ${name}` }, '');
}

/** From the SDK's exceptions, by their documented shape. */
function refusalOf(error: unknown): ServiceRefusal {
  const statusCode = member(member(error, '$metadata'), 'httpStatusCode');
  if (!(error instanceof Error) || typeof statusCode !== 'number') return {};
  // The parser's own words quote the answer.
  if (error instanceof SyntaxError) return { statusCode, message: 'the answer is no JSON' };
  const retryAfter = responseHeader(member(error, '$response'), 'retry-after');
  return { statusCode, errorType: error.name, message: error.message, retryAfter };
}

function responseHeader(response: unknown, name: string): string | undefined {
  const value = member(member(response, 'headers'), name);
  return typeof value === 'string' ? value : undefined;
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}
