import { after, before, describe, test } from 'node:test';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { closeCloud } from './support/device.ts';
import { followRandomDesired } from './support/follow-desired.ts';

describe('configured by its shadow over MQTT', { timeout: 90_000 }, () => {
  let cloud: LocalCloud;

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
  });
  after(() => closeCloud(cloud));

  test('60 random desired documents, with broker restarts', async () => {
    await followRandomDesired(cloud, 'direct', 60, Date.now());
  });
});
