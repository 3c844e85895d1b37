import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { KinesisVideoClient } from '@aws-sdk/client-kinesis-video';
import { errorText } from '../../../src/errors.ts';
import { CachedCredentials } from '../../../src/identity/credentials.ts';
import { IdentityFileError } from '../../../src/identity/certificate.ts';
import { X509Credentials, type X509CredentialsOptions } from '../../../src/identity/x509-credentials.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { supervise } from '../../../src/runtime/supervise.ts';
import { startLocalCloud, type Device, type LocalCloud } from '../../cloud/local-cloud.ts';
import { LoopbackServer } from '../../cloud/loopback-server.ts';
import { Pki } from '../../cloud/pki.ts';
import { recordedLog } from './support/recorded-log.ts';

const OPERATION = 'AssumeRoleWithCertificate';
const DAY_MS = 86_400_000;
let cloud: LocalCloud;
let device: Device;
const { log, lines } = recordedLog();

before(async () => {
  cloud = await startLocalCloud();
  device = await cloud.createDevice('door');
});
afterEach(() => {
  cloud.faults.clear();
  cloud.limits.credentialsMs = 3_600_000;
  cloud.limits.clockOffsetMs = 0;
});
after(() => cloud.close());

test("the device's certificate is exchanged for credentials that the cloud accepts", async () => {
  const { credentials } = await source().fetch();
  assert.match(credentials.accessKeyId, /^ASIA/);
  assert.ok(credentials.sessionToken);
  const lifetimeMs = (credentials.expiration?.getTime() ?? 0) - Date.now();
  assert.ok(lifetimeMs > 3_590_000 && lifetimeMs <= 3_600_000);
});

test('an AWS SDK client takes the provider, and its new credentials after a refusal', async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs };
  const provider = new CachedCredentials({ source: source(), clock, random: systemRandom, log });
  const client = new KinesisVideoClient({
    region: 'us-west-2',
    credentials: async () => ({ ...(await provider.get()), expiration: new Date(0) }),
  });
  const { accessKeyId } = await provider.get();
  assert.equal((await client.config.credentials()).accessKeyId, accessKeyId);
  aheadMs = 10_000;
  provider.invalidate();
  assert.notEqual((await client.config.credentials()).accessKeyId, accessKeyId);
  client.destroy();
});

const REFUSED: [name: string, options: () => Partial<X509CredentialsOptions>, says: RegExp][] = [
  [
    'an unknown role alias',
    () => ({ roleAlias: 'other' }),
    /answered 404.*Role alias does not exist.*credentials\.roleAlias/,
  ],
  [
    "another thing's name",
    () => ({ thingName: 'window' }),
    /answered 403: Access Denied.*iot:AssumeRoleWithCertificate/,
  ],
  ['no thing name', () => ({ thingName: '' }), /answered 400.*device\.thingName/],
  ['an untrusted server', () => ({ rootCaPath: '' }), /CA is not trusted: check device\.rootCaPath/],
  ['a CA file that holds none', () => ({ rootCaPath: device.privateKeyPath }), /device\.rootCaPath/],
  [
    'a CA file that is not there',
    () => ({ rootCaPath: '/nowhere.pem' }),
    /nowhere\.pem \(device\.rootCaPath\) does not exist/,
  ],
  ['no name', () => ({ endpoint: 'nowhere.invalid' }), /cannot be resolved/],
  [
    'a closed port',
    () => ({ endpoint: 'localhost:1' }),
    /nothing listens there: check credentials\.endpoint/,
  ],
];

for (const [name, options, says] of REFUSED) {
  test(`says what to do: ${name}`, async () => {
    await assert.rejects(source(options()).fetch(), (error) => {
      assert.match(errorText(error), says);
      return true;
    });
  });
}

test('says what to do: a certificate of another CA', async () => {
  const foreign = await cloud.createForeignDevice('door');
  await assert.rejects(source(foreign).fetch(), /answered 403|hung up: is the device certificate registered/);
});

test('a server, refusing too, tells its time', async () => {
  const times: number[] = [];
  cloud.limits.clockOffsetMs = 600_000;
  const asking = source({ onServerTime: (timeMs) => times.push(timeMs) });
  await asking.fetch();
  cloud.faults.add(OPERATION, { kind: 'error', status: 403, errorType: 'AccessDeniedException', times: 1 });
  await assert.rejects(asking.fetch());
  assert.equal(times.length, 2);
  for (const timeMs of times) assert.ok(Math.abs(timeMs - Date.now() - 600_000) < 5_000);
});

test('500, throttling, garbage, silence and a reset: clear each, and well again afterwards', async () => {
  const asking = source({ timeoutMs: 300 });
  const cases: [Parameters<typeof cloud.faults.add>[1], RegExp][] = [
    [
      { kind: 'error', status: 500, errorType: 'InternalFailureException' },
      /answered 500.*fault at the moment/,
    ],
    [{ kind: 'error', status: 429, errorType: 'ThrottlingException' }, /answered 429.*too many requests/],
    [{ kind: 'garbage' }, /answered 200 with something else than a JSON object/],
    [{ kind: 'hang' }, /did not answer within 300 ms/],
    [{ kind: 'drop' }, /connection to localhost:\d+ failed/],
  ];
  for (const [fault, says] of cases) {
    cloud.faults.add(OPERATION, fault);
    await assert.rejects(asking.fetch(), (error) => {
      assert.match(errorText(error), says);
      return true;
    });
    cloud.faults.clear();
    await asking.fetch();
  }
});

test('a slow answer within the time limit is good', async () => {
  cloud.faults.add(OPERATION, { kind: 'delay', delayMs: 150, times: 1 });
  await source({ timeoutMs: 5_000 }).fetch();
});

test('a certificate swapped under the running agent is used at the next fetch, a half-swapped one is named', async () => {
  const [first, second] = [await cloud.createDevice('gate'), await cloud.createDevice('gate')];
  const files = {
    certificatePath: join(cloud.directory, 'live.pem'),
    privateKeyPath: join(cloud.directory, 'live.key'),
  };
  const asking = source({ ...files, thingName: 'gate' });
  copyFileSync(first.certificatePath, files.certificatePath);
  copyFileSync(first.privateKeyPath, files.privateKeyPath);
  await asking.fetch();
  copyFileSync(second.certificatePath, files.certificatePath);
  await assert.rejects(asking.fetch(), IdentityFileError);
  copyFileSync(second.privateKeyPath, files.privateKeyPath);
  await asking.fetch();
});

test('a certificate near its end is warned of, once a day', async () => {
  const now = Date.now();
  const near = await cloud.createDevice('near', {
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + 9.5 * DAY_MS),
  });
  const asking = source(near);
  lines.length = 0;
  await asking.fetch();
  await asking.fetch();
  const warnings = lines.filter(({ message }) => message.includes('expires soon'));
  assert.deepEqual(
    warnings.map(({ details }) => details.daysLeft),
    [9],
  );
  assert.equal(asking.certificateDaysLeft(), 9);
});

test('short-lived credentials are renewed ahead, through faults, and a caller always has valid ones', async () => {
  cloud.limits.credentialsMs = 4_000;
  const fetched = new EventEmitter();
  const provider = new CachedCredentials({
    source: source({ timeoutMs: 200 }),
    clock: systemClock,
    random: systemRandom,
    log,
    onFetched: () => fetched.emit('fetched'),
  });
  const stop = new AbortController();
  const running = supervise((signal) => provider.run(signal), stop.signal, {
    name: 'credentials',
    clock: systemClock,
    random: systemRandom,
    log,
    backoff: { baseMs: 50, maxMs: 100 },
  });
  const seen = new Set<string>();
  for (let renewal = 1; renewal <= 2; renewal += 1) {
    await once(fetched, 'fetched');
    const { accessKeyId, expiration } = await provider.get();
    assert.ok(expiration && expiration.getTime() > Date.now(), 'expired ones were handed out');
    seen.add(accessKeyId);
    cloud.faults.add(OPERATION, {
      kind: 'error',
      status: 500,
      errorType: 'InternalFailureException',
      times: 2,
    });
  }
  assert.equal(seen.size, 2);
  stop.abort();
  await running;
});

test('a proxy is used where the environment names one, and not where it exempts the host', async () => {
  const targets: string[] = [];
  const proxy = await startProxy(targets);
  try {
    const HTTPS_PROXY = `http://127.0.0.1:${proxy.port}`;
    await source({ proxyEnv: { HTTPS_PROXY } }).fetch();
    assert.deepEqual(targets, [cloud.credentialsEndpoint]);
    await source({ proxyEnv: { HTTPS_PROXY, NO_PROXY: 'localhost' } }).fetch();
    assert.equal(targets.length, 1);
  } finally {
    await proxy.stop();
  }
});

test('a server whose certificate is out of its time makes the message speak of the clock', async () => {
  const own = await Pki.open(join(cloud.directory, 'clock'));
  const early = await own.client('localhost', 'early', {
    notBefore: new Date(Date.now() + DAY_MS),
    notAfter: new Date(Date.now() + 2 * DAY_MS),
  });
  const tls = { cert: readFileSync(early.certificatePath), key: readFileSync(early.privateKeyPath) };
  const server = new LoopbackServer(createTlsServer(tls), '127.0.0.1');
  await server.start();
  try {
    const asking = source({ endpoint: `localhost:${server.port}`, rootCaPath: own.caPath });
    await assert.rejects(asking.fetch(), /not valid yet by this device's clock, \d{4}-.*is the clock right/);
  } finally {
    await server.stop();
  }
});

test('nothing that was logged or thrown holds a secret', async () => {
  const { credentials } = await source().fetch();
  const written = JSON.stringify(lines);
  for (const secret of [credentials.secretAccessKey, credentials.sessionToken ?? ''])
    assert.ok(!written.includes(secret));
  assert.doesNotMatch(written, /PRIVATE KEY/);
});

function source(options: Partial<X509CredentialsOptions> = {}): X509Credentials {
  return new X509Credentials({
    ...device,
    endpoint: cloud.credentialsEndpoint,
    roleAlias: cloud.roleAlias,
    clock: systemClock,
    log,
    ...options,
  });
}

/** A forward proxy that only knows CONNECT; `targets` receives what it was asked for. */
async function startProxy(targets: string[]): Promise<LoopbackServer> {
  const proxy = createServer((_, response) => response.writeHead(405).end());
  proxy.on('connect', (request, client) => {
    const target = request.url ?? '';
    targets.push(target);
    const upstream = connect(Number(target.split(':')[1]), 'localhost', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  const loopback = new LoopbackServer(proxy, '127.0.0.1');
  await loopback.start();
  return loopback;
}
