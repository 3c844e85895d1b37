import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CachedCredentials } from '../../../src/identity/credentials.ts';
import { X509Credentials } from '../../../src/identity/x509-credentials.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { systemRandom } from '../../../src/runtime/random.ts';
import { supervise } from '../../../src/runtime/supervise.ts';
import type { Fault } from '../../cloud/faults.ts';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { recordedLog } from '../../integration/identity/support/recorded-log.ts';

const RENEWALS = 60;
const OPERATION = 'AssumeRoleWithCertificate';
/** One after the other, before each renewal; none. */
const FAULTS: (Fault | undefined)[] = [
  undefined,
  { kind: 'error', status: 403, errorType: 'AccessDeniedException', times: 1 },
  { kind: 'error', status: 500, errorType: 'InternalFailureException', times: 2 },
  { kind: 'garbage', times: 1 },
  { kind: 'drop', times: 2 },
  { kind: 'hang', times: 1 },
  { kind: 'delay', delayMs: 100, times: 1 },
];

test(`${RENEWALS} renewals through every fault, with the certificate rotated between them: never without credentials`, async () => {
  const cloud = await startLocalCloud({ limits: { credentialsMs: 4_000 } });
  const { log } = recordedLog();
  const stop = new AbortController();
  try {
    const devices = await Promise.all([cloud.createDevice('door'), cloud.createDevice('door')]);
    const [device] = devices;
    const live = {
      certificatePath: join(cloud.directory, 'live.pem'),
      privateKeyPath: join(cloud.directory, 'live.key'),
    };
    const rotate = (renewal: number) => {
      const next = devices[renewal % devices.length] ?? device;
      copyFileSync(next.certificatePath, live.certificatePath);
      copyFileSync(next.privateKeyPath, live.privateKeyPath);
    };
    rotate(0);
    const fetched = new EventEmitter();
    const provider = new CachedCredentials({
      source: new X509Credentials({
        ...device,
        ...live,
        endpoint: cloud.credentialsEndpoint,
        roleAlias: cloud.roleAlias,
        clock: systemClock,
        log,
        timeoutMs: 200,
      }),
      clock: systemClock,
      random: systemRandom,
      log,
      onFetched: () => fetched.emit('fetched'),
    });
    const running = supervise((signal) => provider.run(signal), stop.signal, {
      name: 'credentials',
      clock: systemClock,
      random: systemRandom,
      log,
      backoff: { baseMs: 50, maxMs: 100 },
    });
    await once(fetched, 'fetched');
    const seen = new Set<string>();
    let calls = 0;
    const call = async () => {
      calls += 1;
      const { accessKeyId, expiration } = await provider.get();
      assert.ok(expiration && expiration.getTime() > Date.now(), 'expired ones were handed out');
      seen.add(accessKeyId);
    };
    const caller = systemClock.every(20, () => void call());
    for (let renewal = 1; renewal <= RENEWALS; renewal += 1) {
      const fault = FAULTS[renewal % FAULTS.length];
      if (fault) cloud.faults.add(OPERATION, fault);
      rotate(renewal);
      await once(fetched, 'fetched');
    }
    caller.cancel();
    stop.abort();
    await running;
    assert.ok(seen.size >= RENEWALS, `${seen.size} different credentials in ${calls} calls`);
    assert.ok(
      cloud.events.requests(OPERATION) < RENEWALS * 2.5,
      'no more calls than renewals and faults need',
    );
  } finally {
    stop.abort();
    await cloud.close();
  }
});
