import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { discoverDevice } from '../../../src/greengrass/device-discovery.ts';
import { secretLogin } from '../../../src/greengrass/secrets.ts';
import { TokenExchangeCredentials } from '../../../src/identity/token-exchange-credentials.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { ACCESS_CONTROL, PERSONALITIES, startIpc, startNucleus } from './support/bench.ts';

const forever = new AbortController().signal;

for (const personality of PERSONALITIES) {
  test(`${personality}: the device is found, so that a recipe names cameras only`, async (context) => {
    const { nucleus, env, rootPath } = await startNucleus(context, personality);
    const { ipc } = startIpc(context, env);
    const connection = await ipc.connected(forever);
    const { layer, notes } = await discoverDevice(connection, env, dirname(nucleus.configFile));
    assert.deepEqual(layer, {
      name: 'greengrass',
      values: {
        aws: { region: 'eu-west-1' },
        device: {
          thingName: 'porch',
          certificatePath: join(rootPath, 'thing.pem'),
          privateKeyPath: join(rootPath, 'thing.key'),
          rootCaPath: join(rootPath, 'ca.pem'),
        },
        credentials: {
          endpoint: 'c1.credentials.iot.eu-west-1.amazonaws.com',
          roleAlias: 'CameraRole',
        },
        mqtt: { endpoint: 'd1-ats.iot.eu-west-1.amazonaws.com' },
      },
    });
    assert.deepEqual(notes, []);
  });

  test(`${personality}: without the nucleus's file all but certificate and key is still found`, async (context) => {
    const { nucleus, env, rootPath } = await startNucleus(context, personality);
    const { ipc } = startIpc(context, env);
    const connection = await ipc.connected(forever);
    // As for a component's user: root, whom these tests may run as, is stopped by nothing.
    const elsewhere = { ...env, AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT: '/nowhere/ipc.socket' };
    chmodSync(nucleus.configFile, 0o600);
    const { layer, notes } = await discoverDevice(connection, elsewhere, '/nowhere');
    assert.deepEqual(layer.values.device, { thingName: 'porch', rootCaPath: join(rootPath, 'ca.pem') });
    assert.deepEqual(layer.values.credentials, {
      endpoint: 'c1.credentials.iot.eu-west-1.amazonaws.com',
      roleAlias: 'CameraRole',
    });
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? '', /configuration file cannot be read/);
  });

  test(`${personality}: credentials come from the nucleus's token exchange`, async (context) => {
    const expiration = new Date(Date.now() + 3_600_000).toISOString();
    const exchanged = {
      accessKeyId: 'ASIAX',
      secretAccessKey: 'secret',
      sessionToken: 'session',
      expiration,
    };
    const exchange = () => Promise.resolve(exchanged);
    const { env } = await startNucleus(context, personality, {}, { exchange });
    const source = new TokenExchangeCredentials({ env, clock: systemClock });
    const { credentials } = await source.fetch();
    assert.equal(credentials.accessKeyId, 'ASIAX');
    assert.equal(credentials.sessionToken, 'session');
    const stranger = { ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'guess' };
    await assert.rejects(new TokenExchangeCredentials({ env: stranger, clock: systemClock }).fetch(), /403/);
  });
}

test('lite: its settings lie in config.d where its package was installed, and a later file wins', async (context) => {
  const { nucleus, env, rootPath } = await startNucleus(context, 'lite');
  const { ipc } = startIpc(context, env);
  const folder = dirname(nucleus.configFile);
  mkdirSync(join(folder, 'config.d'));
  renameSync(nucleus.configFile, join(folder, 'config.d/greengrass-lite.yaml'));
  const key = join(rootPath, 'rotated.key');
  writeFileSync(key, '');
  writeFileSync(join(folder, 'config.d/key.yaml'), `system:\n  privateKeyPath: ${key}\n`);
  const { layer } = await discoverDevice(await ipc.connected(forever), env, folder);
  assert.deepEqual(layer.values.device, {
    thingName: 'porch',
    certificatePath: join(rootPath, 'thing.pem'),
    privateKeyPath: key,
    rootCaPath: join(rootPath, 'ca.pem'),
  });
});

test('lite gives the address of the token exchange only to components that depend on it', async (context) => {
  for (const personality of PERSONALITIES) {
    const { nucleus } = await startNucleus(context, personality);
    const names = Object.keys(nucleus.environmentOf('another', false));
    assert.equal(names.includes('AWS_CONTAINER_CREDENTIALS_FULL_URI'), personality === 'classic');
  }
});

test('classic: a login comes from the secret manager, as text or as JSON', async (context) => {
  const secrets = {
    text: 'operator:s3cret:with:colons',
    json: '{"username":"operator","password":"s3cret"}',
    neither: 's3cret',
  };
  const { env } = await startNucleus(context, 'classic', { accessControl: ACCESS_CONTROL }, { secrets });
  const { ipc } = startIpc(context, env);
  const connection = await ipc.connected(forever);
  assert.equal(await secretLogin(connection, 'text'), 'operator:s3cret:with:colons');
  assert.equal(await secretLogin(connection, 'json'), 'operator:s3cret');
  await assert.rejects(secretLogin(connection, 'neither'), (error: Error) => {
    assert.match(error.message, /holds neither user:password nor JSON/);
    assert.doesNotMatch(error.message, /s3cret/);
    return true;
  });
  await assert.rejects(secretLogin(connection, 'absent'), /cloudSecrets/);
});

test('lite: there is no secret manager, and the error says what to do', async (context) => {
  const { env } = await startNucleus(context, 'lite');
  const { ipc } = startIpc(context, env);
  await assert.rejects(secretLogin(await ipc.connected(forever), 'any'), /lite has none\); use a file/);
});
