import assert from 'node:assert/strict';
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { DeviceProcess } from '../../support/device-process.ts';

/** Debian's libfaketime; the clock it shows stands in a file, read anew each time. */
const [LIBRARY = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');

let cloud: LocalCloud;
let clockFile = '';
before(async () => {
  cloud = await startLocalCloud();
  clockFile = join(cloud.directory, 'clock');
});
after(() => cloud.close());

/** A device whose clock says what the file says. */
function startDevice(clock: string): Promise<DeviceProcess> {
  assert.ok(LIBRARY, 'libfaketime is not installed');
  writeFileSync(clockFile, clock);
  const environment = {
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: clockFile,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return DeviceProcess.start(cloud, { environment });
}

test('a clock at 1970 is told, waited for and, once it is set, no trouble any more', async () => {
  const device = await startDevice('@1970-01-01 00:00:10');
  try {
    const { details } = await device.agent.waitForLog(
      'the clock is named',
      ({ level, details: { error } }) => level === 'warn' && /is the clock right\?/.test(String(error)),
    );
    assert.match(String(details['error']), /is not valid yet by this device's clock, 1970-01-01T/);
    // NTP sets it.
    writeFileSync(clockFile, '+0');
    await device.connected();
  } finally {
    await device.agent.stop();
  }
});

test('a clock that is ten minutes slow is corrected for, and an alarm tells', async () => {
  const connects = cloud.events.count('connected', { role: 'MASTER' });
  const device = await startDevice('-10m');
  try {
    await device.connected(connects + 1);
    assert.equal(cloud.events.count('request', { status: 403 }), 0);
    const { details } = await device.agent.waitForLog(
      'alarm clock-wrong',
      ({ msg, details: { alarm } }) => msg === 'alarm' && alarm === 'clock-wrong',
    );
    assert.match(String(details['reason']), /off by -(599|600|601) s/);
  } finally {
    await device.agent.stop();
  }
});
