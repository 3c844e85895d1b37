import type { AgentConfig } from '../config/config.ts';
import { errorText, FatalStartupError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import { readIdentity } from './certificate.ts';
import type { CredentialsSource } from './credentials.ts';
import { EnvironmentCredentials } from './environment-credentials.ts';
import { TokenExchangeCredentials } from './token-exchange-credentials.ts';
import { X509Credentials } from './x509-credentials.ts';

export interface ChooseCredentialsOptions {
  config: Pick<AgentConfig, 'credentials' | 'device'>;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  log: Log;
  /** See `X509CredentialsOptions`. */
  onServerTime?: (serverTimeMs: number) => void;
}

/**
 * The source of credentials that `credentials.source` asks for. `auto` takes X.509 where it is configured and the
 * files are usable, else the token exchange service where the nucleus offers it, else access keys of the
 * environment; X.509 files that are not usable yet are waited for where nothing else is there.
 * Throws a `FatalStartupError` where the source asked for cannot work, or `auto` finds nothing configured.
 */
export async function chooseCredentials(options: ChooseCredentialsOptions): Promise<CredentialsSource> {
  const setting = options.config.credentials.source;
  const source = await sourceFor(setting, options);
  options.log.info({ source: source.kind, setting }, 'credentials source chosen');
  return source;
}

async function sourceFor(
  setting: AgentConfig['credentials']['source'],
  options: ChooseCredentialsOptions,
): Promise<CredentialsSource> {
  const { env, clock } = options;
  if (setting === 'auto') return await automatic(options);
  if (setting === 'x509') return await explicitX509(options);
  if (setting === 'token-exchange') {
    if (TokenExchangeCredentials.isConfigured(env)) return new TokenExchangeCredentials({ env, clock });
    throw new FatalStartupError(`credentials.source is "token-exchange", but ${NO_TOKEN_EXCHANGE}`);
  }
  if (EnvironmentCredentials.isConfigured(env)) return new EnvironmentCredentials(env);
  throw new FatalStartupError(`credentials.source is "environment", but ${NO_ACCESS_KEYS}`);
}

const NO_TOKEN_EXCHANGE =
  'AWS_CONTAINER_CREDENTIALS_FULL_URI is not set (the recipe must depend on aws.greengrass.TokenExchangeService)';
const NO_ACCESS_KEYS = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set';

async function explicitX509(options: ChooseCredentialsOptions): Promise<CredentialsSource> {
  const missing = missingKeys(options.config);
  if (missing.length > 0) {
    throw new FatalStartupError(
      `credentials.source is "x509", but ${missing.join(', ')} must be set as well`,
    );
  }
  try {
    await readIdentity(options.config.device);
  } catch (cause) {
    throw new FatalStartupError('credentials.source is "x509", but that cannot work', { cause });
  }
  return x509(options);
}

async function automatic(options: ChooseCredentialsOptions): Promise<CredentialsSource> {
  const { config, env, clock, log } = options;
  const missing = missingKeys(config);
  const problem = missing.length > 0 ? `${missing.join(', ')} not set` : await identityProblem(options);
  if (problem === undefined) return x509(options);

  if (TokenExchangeCredentials.isConfigured(env)) {
    log.info({ reason: problem }, 'X.509 credentials are not to be had, the token exchange service is used');
    return new TokenExchangeCredentials({ env, clock });
  }
  if (EnvironmentCredentials.isConfigured(env)) {
    log.info(
      { reason: problem },
      "X.509 credentials are not to be had, the environment's access keys are used",
    );
    return new EnvironmentCredentials(env);
  }
  if (missing.length === 0) {
    log.warn(
      { reason: problem },
      'the device certificate or key is not usable and there is nothing else: waiting for it',
    );
    return x509(options);
  }
  throw new FatalStartupError(
    `no AWS credentials: for X.509, ${problem}; for the token exchange service, ${NO_TOKEN_EXCHANGE}; for access keys, ${NO_ACCESS_KEYS}`,
  );
}

function missingKeys({ credentials, device }: ChooseCredentialsOptions['config']): string[] {
  const needed = {
    'credentials.endpoint': credentials.endpoint,
    'credentials.roleAlias': credentials.roleAlias,
    'device.certificatePath': device.certificatePath,
    'device.privateKeyPath': device.privateKeyPath,
  };
  return Object.entries(needed).flatMap(([key, value]) => (value === '' ? [key] : []));
}

async function identityProblem({ config }: ChooseCredentialsOptions): Promise<string | undefined> {
  try {
    await readIdentity(config.device);
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

function x509({ config, env, clock, log, onServerTime }: ChooseCredentialsOptions): X509Credentials {
  const { endpoint, roleAlias } = config.credentials;
  return new X509Credentials({
    ...config.device,
    endpoint,
    roleAlias,
    clock,
    log,
    proxyEnv: env,
    ...(onServerTime && { onServerTime }),
  });
}
