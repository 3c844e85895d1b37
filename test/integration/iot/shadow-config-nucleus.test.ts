import { describe, test } from 'node:test';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { PERSONALITIES } from '../greengrass/support/bench.ts';
import { closeCloud } from './support/device.ts';
import { followRandomDesired } from './support/follow-desired.ts';

describe('configured by its shadow through the nucleus', { timeout: 90_000, concurrency: 2 }, () => {
  for (const personality of PERSONALITIES) {
    test(`${personality}: 30 random desired documents, with the nucleus's socket gone now and then`, async () => {
      const cloud = await startLocalCloud({ iotCore: true });
      try {
        await followRandomDesired(cloud, personality, 30, Date.now());
      } finally {
        await closeCloud(cloud);
      }
    });
  }
});
