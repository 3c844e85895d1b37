import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { SettableClock } from '../../support/settable-clock.ts';
import { DeviceProcess } from '../../support/device-process.ts';

test('a clock at 1970 is told, waited for and, once it is set, no trouble any more', async () => {
  const cloud = await startLocalCloud();
  const clock = new SettableClock(cloud.directory, '@1970-01-01 00:00:10');
  const device = await DeviceProcess.start(cloud, { environment: clock.environment });
  try {
    const { details } = await device.agent.waitForLog(
      'the clock is named',
      ({ level, details: { error } }) => level === 'warn' && /is the clock right\?/.test(String(error)),
    );
    assert.match(String(details['error']), /is not valid yet by this device's clock, 1970-01-01T/);
    // NTP sets it.
    clock.set('+0');
    await device.connected();
  } finally {
    await device.agent.stop();
    await cloud.close();
  }
});
