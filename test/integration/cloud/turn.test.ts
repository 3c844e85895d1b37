import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  GetIceServerConfigCommand,
  KinesisVideoSignalingClient,
} from '@aws-sdk/client-kinesis-video-signaling';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { allocate } from './support/turn-client.ts';

describe('TURN servers from GetIceServerConfig', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  before(async () => {
    cloud = await startLocalCloud({ turn: true });
    cloud.trust();
    cloud.createChannel('front');
  });
  after(() => cloud.close());

  async function target(transport: 'udp' | 'tcp' | 'tls') {
    const client = new KinesisVideoSignalingClient({
      region: 'us-west-2',
      endpoint: `https://localhost:${cloud.services.data.port}`,
      credentials: cloud.viewerCredentials,
    });
    const ChannelARN = cloud.context.channels.byName('front')?.arn;
    const { IceServerList = [] } = await client.send(new GetIceServerConfigCommand({ ChannelARN }));
    client.destroy();
    assert.equal(IceServerList.length, 2);
    const [server] = IceServerList;
    const wanted = transport === 'tls' ? /^turns:(.+):(\d+)\?transport=tcp$/ : /^turn:(.+):(\d+)\?/;
    const uri = server?.Uris?.map((each) => wanted.exec(each)).find((match) => match !== null);
    const { Username: username = '', Password: password = '' } = server ?? {};
    const [, address = '', port = ''] = uri ?? [];
    return { transport, address, port: Number(port), username, password, caPath: cloud.caPath };
  }

  for (const transport of ['udp', 'tcp', 'tls'] as const) {
    test(`allocate over ${transport}`, async () => {
      assert.equal(await allocate(await target(transport)), 0);
    });
  }

  test('a wrong password and expired credentials are refused', async () => {
    assert.equal(await allocate({ ...(await target('udp')), password: 'wrong' }), 401);
    cloud.limits.iceTtlSeconds = -1;
    assert.equal(await allocate(await target('udp')), 401);
  });
});
