import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildConfig } from '../../../src/config/build.ts';
import type { JsonObject } from '../../../src/config/layers.ts';
import { deviceLayer } from '../../../src/greengrass/device-discovery.ts';
import { ipcAddress } from '../../../src/greengrass/ipc-client.ts';
import { parseSystemFile } from '../../../src/greengrass/system-file.ts';
import { proxyFor } from '../../../src/iot/proxy.ts';
import * as classic from './fixtures/classic.ts';
import * as lite from './fixtures/lite.ts';

const readable = () => true;
const unreadable = () => false;
const onlyKeyClosed = (path: string) => !path.endsWith('.key');

function discovered(
  { environment: env, nucleus }: { environment: NodeJS.ProcessEnv; nucleus: JsonObject },
  yaml: string,
  isReadable: (path: string) => boolean,
) {
  return deviceLayer({ env, nucleus, system: parseSystemFile(yaml), isReadable });
}

test('classic: everything that the agent needs comes from the nucleus', () => {
  const { layer, proxy, notes } = discovered(classic, classic.configFile, readable);
  assert.deepEqual(layer.values, {
    aws: { region: 'us-west-2' },
    device: {
      thingName: 'MyGreengrassCore',
      certificatePath: '/greengrass/v2/thingCert.crt',
      privateKeyPath: '/greengrass/v2/privKey.key',
      rootCaPath: '/greengrass/v2/rootCA.pem',
    },
    credentials: {
      endpoint: 'c2exampleid.credentials.iot.us-west-2.amazonaws.com',
      roleAlias: 'GreengrassV2TokenExchangeRoleAlias',
    },
    mqtt: { endpoint: 'a2exampleid-ats.iot.us-west-2.amazonaws.com' },
  });
  assert.deepEqual([proxy, notes], [undefined, []]);
  assert.equal(proxyFor('example.com', classic.environment), undefined);
  assert.deepEqual(ipcAddress(classic.environment), {
    socketPath: '/greengrass/v2/ipc.socket',
    token: '7D3F2A1B4C5E6F70',
  });
});

test('lite: everything that the agent needs comes from the nucleus', () => {
  const { layer, proxy, notes } = discovered(lite, lite.configFile, readable);
  assert.deepEqual(layer.values, {
    aws: { region: 'us-east-1' },
    device: {
      thingName: 'ExampleGGDevice',
      certificatePath: '/var/lib/greengrass/device.pem',
      privateKeyPath: '/var/lib/greengrass/device.key',
      rootCaPath: '/var/lib/greengrass/AmazonRootCA1.pem',
    },
    credentials: {
      endpoint: 'c3exampleid.credentials.iot.us-east-1.amazonaws.com',
      roleAlias: 'GreengrassV2TokenExchangeRoleAlias',
    },
    mqtt: { endpoint: 'a3exampleid-ats.iot.us-east-1.amazonaws.com' },
  });
  assert.deepEqual(notes, []);
  assert.equal(proxy, undefined, 'the environment has it already');
  assert.equal(proxyFor('example.com', lite.environment), 'http://proxy.example:3128');
});

test('what is found makes a valid configuration once a recipe names a camera', () => {
  const component = { cameras: { front: { source: { type: 'test' } } } };
  for (const [fixture, yaml] of [
    [classic, classic.configFile],
    [lite, lite.configFile],
    [classic, ''],
  ] as const) {
    const { layer } = discovered(fixture, yaml, readable);
    const config = buildConfig([layer, { name: 'component configuration', values: component }]);
    assert.equal(config.cameras.front?.channelName, `${fixture.environment.AWS_IOT_THING_NAME}-front`);
    assert.equal(config.credentials.source, 'auto');
  }
});

test('certificate and key are left out, with the reason, where they cannot be used', () => {
  const closed = discovered(classic, classic.configFile, unreadable);
  assert.deepEqual(closed.layer.values.device, { thingName: 'MyGreengrassCore' });
  assert.match(closed.notes[0] ?? '', /thingCert\.crt cannot be read by this user \(setfacl/);

  const key = discovered(classic, classic.configFile, onlyKeyClosed);
  assert.match(key.notes[0] ?? '', /privKey\.key cannot be read/);
  assert.deepEqual(key.layer.values.device, {
    thingName: 'MyGreengrassCore',
    rootCaPath: '/greengrass/v2/rootCA.pem',
  });

  const hsm = discovered(classic, classic.configFileWithHsm, readable);
  assert.match(hsm.notes[0] ?? '', /security module \(pkcs11:\)/);

  const nothing = discovered(classic, '', readable);
  assert.match(nothing.notes[0] ?? '', /configuration file cannot be read/);
  assert.deepEqual(nothing.layer.values.device, {
    thingName: 'MyGreengrassCore',
    rootCaPath: '/greengrass/v2/rootCA.pem',
  });
});

test("a proxy that only the nucleus's configuration names is found", () => {
  const nucleus = {
    networkProxy: { proxy: { url: 'http://10.0.0.1:8080' }, noProxyAddresses: 'localhost,10.1.2.3' },
  };
  const { proxy } = deviceLayer({ env: {}, nucleus, system: {}, isReadable: readable });
  assert.deepEqual(proxy, { url: 'http://10.0.0.1:8080', noProxy: 'localhost,10.1.2.3' });
});

test('a nucleus that says nothing gives an empty layer', () => {
  const { layer } = deviceLayer({ env: {}, nucleus: {}, system: {}, isReadable: readable });
  assert.deepEqual(layer.values, {});
});
