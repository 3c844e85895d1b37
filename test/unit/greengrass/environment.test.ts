import assert from 'node:assert/strict';
import { test } from 'node:test';
import { componentEnvironment } from '../../cloud/nucleus/environment.ts';
import * as classic from './fixtures/classic.ts';
import * as lite from './fixtures/lite.ts';

/** Of every component, beside the proxies; nine with that of the token exchange service. */
const NUCLEUS_VARIABLES = [
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_DEFAULT_REGION',
  'AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT',
  'AWS_IOT_THING_NAME',
  'AWS_REGION',
  'GGC_VERSION',
  'GG_ROOT_CA_PATH',
  'SVCUID',
];
const proxy = { url: 'http://proxy.example:3128', noProxyAddresses: '10.0.0.0' };

for (const [personality, { environment }] of Object.entries({ classic, lite })) {
  test(`${personality}: a component gets from the stand-in what the real nucleus gives it`, () => {
    const isLite = personality === 'lite';
    const made = componentEnvironment({
      personality: isLite ? 'lite' : 'classic',
      device: {
        thingName: environment.AWS_IOT_THING_NAME,
        region: environment.AWS_REGION,
        rootCaPath: environment.GG_ROOT_CA_PATH,
        roleAlias: '',
        credentialsEndpoint: '',
        dataEndpoint: '',
        certificatePath: '',
        privateKeyPath: '',
        ...(isLite && { proxy }),
      },
      token: environment.SVCUID,
      socketPath: environment.AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT,
      tokenExchangeUri: environment.AWS_CONTAINER_CREDENTIALS_FULL_URI,
    });
    assert.deepEqual(made, environment);
    const own = Object.keys(made).filter((name) => !/proxy$/i.test(name));
    assert.deepEqual(own.toSorted(), NUCLEUS_VARIABLES);
  });
}
