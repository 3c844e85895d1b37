import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  CreateSignalingChannelCommand,
  DeleteSignalingChannelCommand,
  DescribeMediaStorageConfigurationCommand,
  DescribeSignalingChannelCommand,
  GetSignalingChannelEndpointCommand,
  KinesisVideoClient,
  type KinesisVideoClientConfig,
} from '@aws-sdk/client-kinesis-video';
import {
  GetIceServerConfigCommand,
  KinesisVideoSignalingClient,
} from '@aws-sdk/client-kinesis-video-signaling';
import { throttling } from '../../cloud/faults.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';

describe('the control plane, asked with the AWS SDK', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  let channelArn: string;
  const clients: KinesisVideoClient[] = [];

  before(async () => {
    cloud = await startLocalCloud();
    cloud.trust();
    channelArn = cloud.createChannel('front').arn;
  });
  after(async () => {
    for (const each of clients) each.destroy();
    await cloud.close();
  });

  function client(config: KinesisVideoClientConfig = {}): KinesisVideoClient {
    const made = new KinesisVideoClient({
      region: 'us-west-2',
      endpoint: cloud.controlEndpoint,
      credentials: cloud.viewerCredentials,
      maxAttempts: 1,
      ...config,
    });
    clients.push(made);
    return made;
  }
  async function endpoints(Role: 'MASTER' | 'VIEWER') {
    const { ResourceEndpointList = [] } = await client().send(
      new GetSignalingChannelEndpointCommand({
        ChannelARN: channelArn,
        SingleMasterChannelEndpointConfiguration: { Protocols: ['WSS', 'HTTPS', 'WEBRTC'], Role },
      }),
    );
    return Object.fromEntries(ResourceEndpointList.map((item) => [item.Protocol, item.ResourceEndpoint]));
  }
  async function storageStatus(ChannelName: string) {
    const command = new DescribeMediaStorageConfigurationCommand({ ChannelName });
    return (await client().send(command)).MediaStorageConfiguration?.Status;
  }
  const describeFront = new DescribeSignalingChannelCommand({ ChannelName: 'front' });

  test('a channel is created, described and deleted', async () => {
    const kvs = client();
    const { ChannelARN } = await kvs.send(new CreateSignalingChannelCommand({ ChannelName: 'new' }));
    const { ChannelInfo } = await kvs.send(new DescribeSignalingChannelCommand({ ChannelName: 'new' }));
    assert.equal(ChannelInfo?.ChannelARN, ChannelARN);
    assert.equal(ChannelInfo?.ChannelStatus, 'ACTIVE');
    assert.equal(ChannelInfo?.SingleMasterConfiguration?.MessageTtlSeconds, 60);
    assert.ok(Math.abs(Date.now() - (ChannelInfo?.CreationTime?.getTime() ?? 0)) < 60_000);
    await assert.rejects(kvs.send(new CreateSignalingChannelCommand({ ChannelName: 'new' })), {
      name: 'ResourceInUseException',
    });
    await kvs.send(new DeleteSignalingChannelCommand({ ChannelARN }));
    await assert.rejects(kvs.send(new DescribeSignalingChannelCommand({ ChannelARN })), {
      name: 'ResourceNotFoundException',
      message: 'The requested channel is not found or not active.',
    });
  });

  test('endpoints follow the role and the protocols', async () => {
    const [master, viewer] = [await endpoints('MASTER'), await endpoints('VIEWER')];
    assert.match(String(master['WSS']), /^wss:\/\/localhost:\d+$/);
    assert.notEqual(master['WSS'], viewer['WSS']);
    assert.match(String(master['HTTPS']), /^https:/);
    assert.match(String(master['WEBRTC']), /^https:/);
  });

  test('ICE servers come from the data endpoint', async () => {
    const { port } = cloud.services.data;
    const signaling = new KinesisVideoSignalingClient({
      region: 'us-west-2',
      endpoint: `https://localhost:${port}`,
      credentials: cloud.viewerCredentials,
    });
    const { IceServerList } = await signaling.send(new GetIceServerConfigCommand({ ChannelARN: channelArn }));
    signaling.destroy();
    assert.deepEqual(IceServerList, []);
  });

  test('media storage is disabled until it is enabled', async () => {
    cloud.createChannel('recorded');
    assert.equal(await storageStatus('recorded'), 'DISABLED');
    cloud.context.channels.enableStorage('recorded');
    assert.equal(await storageStatus('recorded'), 'ENABLED');
  });

  test('temporary credentials work with their token, and until they expire', async () => {
    const temporary = cloud.context.credentials.addTemporary(Date.now() + 60_000);
    const { accessKeyId, secretAccessKey, sessionToken } = temporary;
    await client({ credentials: { accessKeyId, secretAccessKey, sessionToken } }).send(describeFront);
    for (const credentials of [
      { accessKeyId, secretAccessKey },
      { accessKeyId, secretAccessKey, sessionToken: `${sessionToken}x` },
    ]) {
      await assert.rejects(client({ credentials }).send(describeFront), {
        name: 'UnrecognizedClientException',
      });
    }
    cloud.context.credentials.expireTemporary();
    await assert.rejects(
      client({ credentials: { accessKeyId, secretAccessKey, sessionToken } }).send(describeFront),
      { name: 'ExpiredTokenException' },
    );
  });

  test('wrong signatures are refused', async () => {
    const { accessKeyId, secretAccessKey } = cloud.viewerCredentials;
    const wrong: [string, KinesisVideoClientConfig, string][] = [
      ['secret', { credentials: { accessKeyId, secretAccessKey: 'wrong' } }, 'InvalidSignatureException'],
      ['key', { credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey } }, 'UnrecognizedClientException'],
      ['region', { region: 'eu-west-1' }, 'InvalidSignatureException'],
    ];
    for (const [what, config, name] of wrong) {
      const error = await client(config)
        .send(describeFront)
        .then(
          () => assert.fail(`accepted a wrong ${what}`),
          (reason: unknown) => reason,
        );
      assert.ok(error instanceof Error, what);
      assert.equal(error.name, name, what);
      assert.ok('$metadata' in error);
      assert.partialDeepStrictEqual(error.$metadata, { httpStatusCode: 403 });
    }
    const unsigned = await fetch(`${cloud.controlEndpoint}/describeSignalingChannel`, {
      method: 'POST',
      body: '{"ChannelName":"front"}',
    });
    assert.equal(unsigned.status, 403);
  });

  test('a clock off by more than five minutes is refused, and its date tells the client', async () => {
    cloud.limits.clockOffsetMs = 400_000;
    const sdk = client({ maxAttempts: 2 });
    const refusedBefore = cloud.events.count('request', {
      operation: 'DescribeSignalingChannel',
      status: 403,
    });
    await sdk.send(describeFront);
    cloud.limits.clockOffsetMs = 0;
    const refused = cloud.events.count('request', { operation: 'DescribeSignalingChannel', status: 403 });
    assert.equal(
      refused - refusedBefore,
      1,
      'the SDK corrected its clock from the Date header and succeeded',
    );
  });

  test('faults: throttled, delayed, dropped, garbage, hung; then well again', async () => {
    const operation = 'DescribeSignalingChannel';
    cloud.faults.add(operation, throttling(1, 3));
    const throttled = await client()
      .send(describeFront)
      .then(
        () => assert.fail('not throttled'),
        (reason: unknown) => reason,
      );
    assert.ok(throttled instanceof Error);
    assert.equal(throttled.name, 'ThrottlingException');
    assert.ok('$response' in throttled);
    assert.partialDeepStrictEqual(throttled.$response, { headers: { 'retry-after': '3' } });

    cloud.faults.add(operation, { kind: 'delay', delayMs: 150, times: 1 });
    const startedAt = performance.now();
    await client().send(describeFront);
    assert.ok(performance.now() - startedAt >= 149);

    for (const kind of ['drop', 'garbage'] as const) {
      cloud.faults.add(operation, { kind, times: 1 });
      await assert.rejects(client().send(describeFront), kind);
    }
    cloud.faults.add(operation, { kind: 'hang' });
    await assert.rejects(client().send(describeFront, { abortSignal: AbortSignal.timeout(100) }));
    cloud.faults.clear(operation);
    await client().send(describeFront);
  });

  test('the cloud can go away and come back on the same ports', async () => {
    await cloud.stop();
    await assert.rejects(client().send(describeFront), { code: 'ECONNREFUSED' });
    await cloud.start();
    await client().send(describeFront);
  });
});
