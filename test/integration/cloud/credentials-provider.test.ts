import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { startLocalCloud, type Device, type LocalCloud } from '../../cloud/local-cloud.ts';
import { fingerprint } from '../../cloud/pki.ts';
import { connect } from './support/signaling-client.ts';

interface Response {
  status: number;
  errorType: string;
  body: string;
}

interface Question {
  device?: Device;
  alias?: string;
  thingName?: string;
}

describe('the IoT credentials provider', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  let device: Device;

  before(async () => {
    cloud = await startLocalCloud();
    device = await cloud.createDevice('camera-1');
  });
  after(() => cloud.close());

  function ask({ device: from, alias = cloud.roleAlias, thingName }: Question): Promise<Response> {
    const options = {
      ca: readFileSync(cloud.caPath),
      agent: false,
      headers: thingName === undefined ? {} : { 'x-amzn-iot-thingname': thingName },
      ...(from ? { cert: readFileSync(from.certificatePath), key: readFileSync(from.privateKeyPath) } : {}),
    };
    const url = `https://${cloud.credentialsEndpoint}/role-aliases/${alias}/credentials`;
    return new Promise((resolve, reject) => {
      request(url, options, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => {
          const errorType = String(response.headers['x-amzn-errortype'] ?? '');
          resolve({ status: response.statusCode ?? 0, errorType, body });
        });
      })
        .on('error', reject)
        .end();
    });
  }

  test('gives a registered device credentials that the services accept until they expire', async () => {
    cloud.limits.credentialsMs = 60_000;
    const { status, body } = await ask({ device, thingName: 'camera-1' });
    assert.equal(status, 200);
    const { credentials } = JSON.parse(body);
    assert.deepEqual(Object.keys(credentials).toSorted(), [
      'accessKeyId',
      'expiration',
      'secretAccessKey',
      'sessionToken',
    ]);
    assert.match(credentials.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
    const lifetimeMs = Date.parse(credentials.expiration) - Date.now();
    assert.ok(lifetimeMs > 58_000 && lifetimeMs <= 60_000, `${lifetimeMs} ms`);

    cloud.createChannel('front');
    const master = await connect(cloud, 'MASTER', { credentials }).opened();
    await master.close();
    cloud.limits.clockOffsetMs = 61_000;
    const refusal = await connect(cloud, 'MASTER', { credentials }).refusal();
    cloud.limits.clockOffsetMs = 0;
    assert.deepEqual([refusal.status, refusal.errorType], [403, 'ExpiredTokenException']);
  });

  test('refuses whom it should', async () => {
    const yesterday = new Date(Date.now() - 86_400_000);
    const validity = { notBefore: new Date(0), notAfter: yesterday };
    const thingName = 'camera-1';
    const cases: [string, Question, number, RegExp][] = [
      [
        'a certificate of another CA',
        { device: await cloud.createForeignDevice(thingName), thingName },
        403,
        /Access Denied/,
      ],
      [
        'an expired certificate',
        { device: await cloud.createDevice(thingName, validity), thingName },
        403,
        /Access Denied/,
      ],
      ['no certificate', { thingName }, 403, /Access Denied/],
      ['an unknown role alias', { device, thingName, alias: 'other' }, 404, /Role alias does not exist/],
      ['a missing thing name', { device }, 400, /thing name/],
      ['the name of another thing', { device, thingName: 'camera-2' }, 403, /Access Denied/],
    ];
    for (const [what, question, status, message] of cases) {
      const answer = await ask(question);
      assert.equal(answer.status, status, what);
      assert.match(JSON.parse(answer.body).message, message, what);
      assert.notEqual(answer.errorType, '', what);
    }
  });

  test('a rotated certificate works beside the old one, which can be deactivated', async () => {
    const rotated = await cloud.createDevice('camera-1');
    const thingName = 'camera-1';
    assert.equal((await ask({ device: rotated, thingName })).status, 200);
    assert.equal((await ask({ device, thingName })).status, 200);
    cloud.things.deactivate(fingerprint(device.certificatePath));
    assert.equal((await ask({ device, thingName })).status, 403);
    assert.equal((await ask({ device: rotated, thingName })).status, 200);
  });

  test('fails in the ways it is told to', async () => {
    const rotated = await cloud.createDevice('camera-1');
    const operation = 'AssumeRoleWithCertificate';
    const question = { device: rotated, thingName: 'camera-1' };
    cloud.faults.add(operation, { kind: 'error', status: 500, errorType: 'InternalFailure', times: 1 });
    assert.equal((await ask(question)).status, 500);
    cloud.faults.add(operation, { kind: 'garbage', times: 1 });
    assert.match((await ask(question)).body, /^</);
    cloud.faults.add(operation, { kind: 'drop', times: 1 });
    await assert.rejects(ask(question));
    const asked = cloud.events.requests(operation);
    assert.equal((await ask(question)).status, 200);
    assert.equal(cloud.events.requests(operation), asked + 1);
  });
});
