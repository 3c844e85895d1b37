import type { DeviceSettings } from './nucleus-configuration.ts';
import type { Personality } from './recipe.ts';

export interface EnvironmentOptions {
  personality: Personality;
  device: DeviceSettings;
  /** SVCUID. */
  token: string;
  socketPath: string;
  tokenExchangeUri: string | undefined;
}

const VERSION = { classic: '2.15.0', lite: '2.6.0' };
const PROXY_VARIABLES = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'];

/**
 * What a nucleus puts into the environment of a component's scripts.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-environment-variables.html
 */
export function componentEnvironment(options: EnvironmentOptions): Record<string, string> {
  const { personality, device, token, socketPath, tokenExchangeUri } = options;
  const { region, thingName, rootCaPath } = device;
  return {
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_IOT_THING_NAME: thingName,
    GGC_VERSION: VERSION[personality],
    GG_ROOT_CA_PATH: rootCaPath,
    SVCUID: token,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
    AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT: socketPath,
    ...(tokenExchangeUri === undefined ? {} : { AWS_CONTAINER_CREDENTIALS_FULL_URI: tokenExchangeUri }),
    ...proxyEnvironment(personality, device),
  };
}

/** Classic sets all of them, empty where there is no proxy; lite none then. */
function proxyEnvironment(personality: Personality, { proxy }: DeviceSettings): Record<string, string> {
  if (!proxy && personality === 'lite') return {};
  const url = proxy?.url ?? '';
  const noProxy = proxy?.noProxyAddresses ?? '';
  return {
    ...Object.fromEntries(PROXY_VARIABLES.map((name) => [name, url])),
    NO_PROXY: noProxy,
    no_proxy: noProxy,
  };
}
