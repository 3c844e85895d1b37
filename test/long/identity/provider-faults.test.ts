import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LogLine } from '../../cloud/agent-process.ts';
import type { Fault } from '../../cloud/faults.ts';
import { startLocalCloud, type Device, type LocalCloud } from '../../cloud/local-cloud.ts';
import { fingerprint } from '../../cloud/pki.ts';
import { DeviceProcess } from '../../support/device-process.ts';
import { LiveViewer } from '../../support/live-viewer.ts';

const OPERATION = 'AssumeRoleWithCertificate';
const CREDENTIALS_MS = 30_000;
const RENEWAL_TIMEOUT_MS = 60_000;
/** Few each: between renewals of so short a life the backoff does not begin anew. */
const CASES: [name: string, fault: Fault & { times: number }, says: RegExp][] = [
  [
    '403',
    { kind: 'error', status: 403, errorType: 'AccessDeniedException', times: 2 },
    /answered 403.*iot:AssumeRoleWithCertificate/,
  ],
  [
    '500',
    { kind: 'error', status: 500, errorType: 'InternalFailureException', times: 1 },
    /answered 500.*fault at the moment/,
  ],
  ['garbage', { kind: 'garbage', times: 1 }, /answered 200 with something else than a JSON object/],
  ['a connection that is reset', { kind: 'drop', times: 1 }, /connection to localhost:\d+ failed/],
  ['nothing', { kind: 'hang', times: 1 }, /did not answer within 10000 ms/],
];

describe('the credentials provider of a device at work', () => {
  let cloud: LocalCloud;
  let device: DeviceProcess;
  let first: Device;
  let second: Device;
  let viewer: LiveViewer;
  const live = { certificatePath: '', privateKeyPath: '' };

  before(async () => {
    cloud = await startLocalCloud({ limits: { credentialsMs: CREDENTIALS_MS } });
    [first, second] = await Promise.all([cloud.createDevice('door'), cloud.createDevice('door')]);
    live.certificatePath = join(cloud.directory, 'live.pem');
    live.privateKeyPath = join(cloud.directory, 'live.key');
    use(first);
    device = await DeviceProcess.start(cloud, { thingName: 'door', device: { ...first, ...live } });
    await device.connected();
    viewer = await LiveViewer.join(cloud, device.channelName, 'live');
  });
  after(async () => {
    viewer.close();
    await device.agent.stop();
    await cloud.close();
  });

  function use({ certificatePath, privateKeyPath }: Device): void {
    copyFileSync(certificatePath, live.certificatePath);
    copyFileSync(privateKeyPath, live.privateKeyPath);
  }

  function fetched(known: ReadonlySet<LogLine>): Promise<LogLine> {
    const fits = (line: LogLine) => line.msg === 'credentials fetched' && !known.has(line);
    return device.agent.waitForLog('credentials fetched', fits, RENEWAL_TIMEOUT_MS);
  }

  for (const [name, fault, says] of CASES)
    test(`${name}: told, tried again, over`, async () => {
      const known = new Set(device.agent.logs);
      const requests = cloud.events.requests(OPERATION);
      cloud.faults.add(OPERATION, fault);
      await fetched(known);
      const failures = device.agent.logs.filter(
        (line) => !known.has(line) && line.details['part'] === 'credentials' && line.msg.startsWith('failed'),
      );
      assert.equal(failures.length, fault.times);
      for (const { details } of failures) assert.match(String(details['error']), says);
      assert.equal(cloud.events.requests(OPERATION), requests + fault.times + 1);
    });

  test('a slow answer is waited for', async () => {
    cloud.faults.add(OPERATION, { kind: 'delay', delayMs: 5_000, times: 1 });
    const { details } = await fetched(new Set(device.agent.logs));
    assert.ok(Number(details['durationMs']) >= 5_000);
  });

  test('a swapped certificate is used at the next renewal, when the old one is no longer valid', async () => {
    const known = new Set(device.agent.logs);
    use(second);
    cloud.things.deactivate(fingerprint(first.certificatePath));
    await fetched(known);
    assert.equal(cloud.events.select('request', { operation: OPERATION }).at(-1)?.status, 200);
  });

  test('all the while the viewer has its picture, and the next one comes in', async (t) => {
    t.diagnostic(`longest time without a picture: ${Math.round(viewer.standstill().ms)} ms`);
    assert.ok(viewer.standstill().ms < 2_000);
    assert.equal(viewer.lost, 0);
    assert.equal(cloud.events.count('disconnected', { role: 'MASTER' }), 0);
    const next = await LiveViewer.join(cloud, device.channelName, 'next');
    next.close();
  });
});
