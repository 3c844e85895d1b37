import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { DeviceProcess } from '../../support/device-process.ts';
import { SettableClock } from '../../support/settable-clock.ts';

const ALARM_TIMEOUT_MS = 30_000;

test('a clock that is ten minutes slow is corrected for, and an alarm tells', async () => {
  const cloud = await startLocalCloud();
  const { environment } = new SettableClock(cloud.directory, '-10m');
  const device = await DeviceProcess.start(cloud, { environment });
  try {
    await device.connected();
    assert.equal(cloud.events.count('request', { status: 403 }), 0);
    const { details } = await device.agent.waitForLog(
      'alarm clock-wrong',
      ({ msg, details: { alarm } }) => msg === 'alarm' && alarm === 'clock-wrong',
      ALARM_TIMEOUT_MS,
    );
    assert.match(String(details['reason']), /off by -(599|600|601) s/);
  } finally {
    await device.agent.stop();
    await cloud.close();
  }
});
