import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { closeCloud } from '../../integration/iot/support/device.ts';
import { followRandomDesired } from '../../integration/iot/support/follow-desired.ts';
import { killWhileStoring } from '../../integration/iot/support/kill-while-storing.ts';

describe('configured by its shadow, at length', () => {
  let cloud: LocalCloud;

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
  });
  after(() => closeCloud(cloud));

  test('500 random desired documents, with broker restarts', async () => {
    await followRandomDesired(cloud, 500, Date.now());
  });

  test('kill -9 at 100 random moments of writing: the last good file is always whole', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'last-good-'));
    try {
      await killWhileStoring(directory, 100);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
