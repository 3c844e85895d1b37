import { Agent } from 'node:https';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import { parsedAnswer, toCredentials } from './answer.ts';
import { daysLeft, readIdentity, readIdentityFile, type DeviceIdentity } from './certificate.ts';
import type { CredentialsSource, FetchedCredentials } from './credentials.ts';
import { httpGet, refusalText, type HttpAnswer } from './http-get.ts';
import { tlsCure } from './tls-cure.ts';

export interface X509CredentialsOptions {
  /** `host[:port]` of the IoT credentials provider. */
  endpoint: string;
  roleAlias: string;
  /** Empty: not sent, for certificates that are attached to no thing. */
  thingName: string;
  certificatePath: string;
  privateKeyPath: string;
  /** Empty: Node's own list of CAs. */
  rootCaPath: string;
  clock: Clock;
  log: Log;
  /** HTTPS_PROXY and NO_PROXY, as curl reads them. */
  proxyEnv?: NodeJS.ProcessEnv;
  timeoutMs?: number;
  /** Told the server's clock (epoch milliseconds) with every answer, the refusing ones too. */
  onServerTime?: (serverTimeMs: number) => void;
}

const TIMEOUT_MS = 10_000;
const WARN_DAYS = 30;
const WARN_EVERY_MS = 24 * 3_600_000;
const MEMBERS = {
  accessKeyId: 'accessKeyId',
  secretAccessKey: 'secretAccessKey',
  sessionToken: 'sessionToken',
  expiration: 'expiration',
};

/**
 * The device certificate exchanged for AWS credentials through a role alias, over mutual TLS. Certificate, key and
 * CA are read at each fetch, so that rotating them needs no restart.
 * https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
 */
export class X509Credentials implements CredentialsSource {
  readonly kind = 'x509';
  readonly #options: X509CredentialsOptions;
  #identity: DeviceIdentity | undefined;
  #warnedAtMs = -Infinity;

  constructor(options: X509CredentialsOptions) {
    this.#options = options;
  }

  /** Rejects with a text that says what to do; an `IdentityFileError` where a file is to blame. */
  async fetch(): Promise<FetchedCredentials> {
    const answer = await this.#ask();
    if (answer.serverTimeMs !== undefined) this.#options.onServerTime?.(answer.serverTimeMs);
    if (answer.status !== 200) throw new Error(this.#refusal(answer));
    const { credentials } = parsedAnswer(answer.body, this.#service());
    const fetched = { credentials: toCredentials(credentials, MEMBERS) };
    return answer.serverTimeMs === undefined ? fetched : { ...fetched, serverTimeMs: answer.serverTimeMs };
  }

  certificateDaysLeft(): number | undefined {
    return this.#identity && daysLeft(this.#identity, this.#options.clock.now());
  }

  async #ask(): Promise<HttpAnswer> {
    const {
      endpoint,
      roleAlias,
      thingName,
      rootCaPath,
      clock,
      proxyEnv,
      timeoutMs = TIMEOUT_MS,
    } = this.#options;
    const identity = await readIdentity(this.#options);
    this.#identity = identity;
    this.#warnOfExpiry(identity);
    const agent = new Agent({
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
      ...(rootCaPath && { ca: await readIdentityFile(rootCaPath, 'device.rootCaPath') }),
      ...(proxyEnv && { proxyEnv }),
    });
    const url = new URL(`https://${endpoint}/role-aliases/${roleAlias}/credentials`);
    const headers = thingName === '' ? {} : { 'x-amzn-iot-thingname': thingName };
    try {
      return await httpGet(url, { clock, timeoutMs, agent, headers });
    } catch (cause) {
      throw new Error(`no credentials from ${this.#service()}${tlsCure(cause, clock.now())}`, { cause });
    } finally {
      agent.destroy();
    }
  }

  #warnOfExpiry(identity: DeviceIdentity): void {
    const { clock, log, certificatePath } = this.#options;
    const days = daysLeft(identity, clock.now());
    const early = clock.now() < identity.notBefore.getTime();
    if ((days > WARN_DAYS && !early) || clock.monotonic() - this.#warnedAtMs < WARN_EVERY_MS) return;
    this.#warnedAtMs = clock.monotonic();
    const details = {
      certificatePath,
      daysLeft: days,
      notBefore: identity.notBefore.toISOString(),
      notAfter: identity.notAfter.toISOString(),
      deviceTime: new Date(clock.now()).toISOString(),
    };
    if (early) log.warn(details, 'the device certificate is not valid yet: is the clock right?');
    else if (days < 0) log.warn(details, 'the device certificate has expired: rotate it, or set the clock');
    else log.warn(details, 'the device certificate expires soon: rotate it');
  }

  #service(): string {
    return `the IoT credentials provider ${this.#options.endpoint}`;
  }

  #refusal({ status, body }: HttpAnswer): string {
    const { roleAlias, thingName } = this.#options;
    const cures: Record<number, string> = {
      400: `check credentials.roleAlias and device.thingName ("${thingName}")`,
      403: `the certificate needs an active IoT policy that allows iot:AssumeRoleWithCertificate on the role alias "${roleAlias}", it must be attached to the thing "${thingName}", and the alias's role must trust credentials.iot.amazonaws.com`,
      404: `there is no role alias "${roleAlias}" (credentials.roleAlias) in this account and region, or credentials.endpoint is another kind of endpoint`,
      429: 'too many requests at the moment',
    };
    const cure =
      cures[status] ??
      (status >= 500 ? 'the service has a fault at the moment' : 'is it the right endpoint?');
    return `${this.#service()} answered ${status}${refusalText(body)} (${cure})`;
  }
}
