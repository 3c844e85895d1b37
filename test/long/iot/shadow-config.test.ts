import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { closeCloud } from '../../integration/iot/support/device.ts';
import { followRandomDesired } from '../../integration/iot/support/follow-desired.ts';
import { UPLINKS } from '../../integration/iot/support/uplink.ts';
import { killWhileStoring } from '../../integration/iot/support/kill-while-storing.ts';

describe('configured by its shadow, at length', () => {
  for (const uplink of UPLINKS) {
    test(`${uplink}: 500 random desired documents, with outages`, async () => {
      const cloud = await startLocalCloud({ iotCore: true });
      try {
        await followRandomDesired(cloud, uplink, 500, Date.now());
      } finally {
        await closeCloud(cloud);
      }
    });
  }

  test('kill -9 at 100 random moments of writing: the last good file is always whole', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'last-good-'));
    try {
      await killWhileStoring(directory, 100);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
