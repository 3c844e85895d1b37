import { test } from 'node:test';
import { startLocalCloud } from '../../cloud/local-cloud.ts';
import { startCloudNucleus } from '../../cloud/nucleus/cloud-nucleus.ts';
test('a', async () => {
      const cloud = await startLocalCloud({ iotCore: true });
      const core = process.env.CORE ? await startCloudNucleus(cloud, await cloud.createDevice('x'), { personality:'lite' }): undefined;
      if (process.env.RESTART) { await cloud.iot.stop(); await cloud.iot.start(); }
      await core?.close();
      await cloud.close();
});
