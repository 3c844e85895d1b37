import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, beforeEach, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { awsLimits } from '../../cloud/faults.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { LoopbackServer } from '../../cloud/loopback-server.ts';
import { connect, presign, type ConnectOptions, type SignalingClient } from './support/signaling-client.ts';

describe('the signaling service', { timeout: 60_000 }, () => {
  let cloud: LocalCloud;
  let clients: SignalingClient[] = [];
  let channels = 0;
  let channelName = '';

  before(async () => {
    cloud = await startLocalCloud();
  });
  beforeEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    clients = [];
    Object.assign(cloud.limits, awsLimits());
    cloud.faults.clear();
    channelName = `front-${++channels}`;
    cloud.createChannel(channelName);
  });
  after(() => cloud.close());

  function dial(role: 'MASTER' | 'VIEWER', options: ConnectOptions = {}): SignalingClient {
    const client = connect(cloud, role, { channelName, ...options });
    clients.push(client);
    return client;
  }
  const open = (role: 'MASTER' | 'VIEWER', options?: ConnectOptions) => dial(role, options).opened();

  test('a viewer offers, the master answers, candidates go both ways', async () => {
    const master = await open('MASTER');
    const viewer = await open('VIEWER', { clientId: 'alice' });
    viewer.send('SDP_OFFER', { type: 'offer', sdp: 'v=0' });
    assert.deepEqual(await master.frame(), {
      messageType: 'SDP_OFFER',
      payload: { type: 'offer', sdp: 'v=0' },
      senderClientId: 'alice',
      statusResponse: undefined,
    });
    master.send('SDP_ANSWER', { type: 'answer', sdp: 'v=0' }, { recipientClientId: 'alice' });
    assert.equal((await viewer.frame()).messageType, 'SDP_ANSWER');
    assert.equal((await viewer.frame()).senderClientId, undefined);
    master.send('ICE_CANDIDATE', { candidate: 'c' }, { recipientClientId: 'alice' });
    assert.deepEqual((await viewer.frame(1)).payload, { candidate: 'c' });
    viewer.send('ICE_CANDIDATE', { candidate: 'd' });
    assert.deepEqual((await master.frame(1)).payload, { candidate: 'd' });
  });

  test('capitalised keys are understood', async () => {
    const master = await open('MASTER');
    const viewer = await open('VIEWER');
    const MessagePayload = Buffer.from('{"a":1}').toString('base64');
    viewer.socket.send(JSON.stringify({ Action: 'SDP_OFFER', MessagePayload }));
    assert.deepEqual((await master.frame()).payload, { a: 1 });
  });

  test('a status response comes where a correlation id was sent', async () => {
    const master = await open('MASTER');
    const viewer = await open('VIEWER', { clientId: 'bob' });
    viewer.send('SDP_OFFER', {});
    viewer.send('SDP_OFFER', {}, { correlationId: 'c-1' });
    const status = (await viewer.frame()).statusResponse;
    assert.deepEqual(status, { correlationId: 'c-1', success: true, statusCode: '200' });
    assert.equal(viewer.frames.length, 1);
    const refused: [string, unknown, Record<string, string>, string][] = [
      ['SDP_ANSWER', {}, { recipientClientId: 'nobody' }, '404'],
      ['SDP_ANSWER', {}, {}, '400'],
      ['SDP_ANSWER', {}, { recipientClientId: '__proto__!' }, '400'],
      ['DANCE', {}, { recipientClientId: 'bob' }, '400'],
      ['SDP_ANSWER', 'x'.repeat(10_000), { recipientClientId: 'bob' }, '400'],
    ];
    for (const [index, [action, payload, others, statusCode]] of refused.entries()) {
      const correlationId = `r-${index}`;
      master.send(action, payload, { ...others, correlationId });
      // The two offers came first.
      const { statusResponse } = await master.frame(index + 2);
      assert.equal(statusResponse?.correlationId, correlationId);
      assert.equal(statusResponse?.success, false);
      assert.equal(statusResponse?.statusCode, statusCode);
    }
    assert.equal(viewer.frames.length, 1);
  });

  test('a frame beyond 128 KiB ends the connection', async () => {
    const viewer = await open('VIEWER');
    viewer.send('SDP_OFFER', 'x'.repeat(150_000));
    assert.equal(await viewer.closed, 1009);
  });

  test('an offer waits for its master, and no longer than the message TTL', async () => {
    const viewer = await open('VIEWER', { clientId: 'early' });
    viewer.send('ICE_CANDIDATE', { n: 1 });
    viewer.send('SDP_OFFER', { n: 2 });
    await cloud.events.waitFor('message', { channelName, outcome: 'held' }, { nth: 2 });
    await viewer.close();
    const master = await open('MASTER');
    assert.deepEqual((await master.frame(1)).payload, { n: 2 });
    assert.deepEqual((await master.frame(0)).payload, { n: 1 });
    assert.equal((await master.frame(1)).senderClientId, 'early');

    const hasty = cloud.createChannel('short-ttl', 0.05);
    const late = await open('VIEWER', { channelName: hasty.name });
    late.send('SDP_OFFER', { n: 3 });
    await cloud.events.waitFor('message', { channelName: hasty.name, outcome: 'expired' });
    const other = await open('MASTER', { channelName: hasty.name });
    late.send('SDP_OFFER', { n: 4 });
    assert.deepEqual((await other.frame(0)).payload, { n: 4 });
  });

  test('a new master replaces the older one', async () => {
    const older = await open('MASTER');
    const newer = await open('MASTER');
    assert.equal(await older.closed, 1001);
    const viewer = await open('VIEWER');
    viewer.send('SDP_OFFER', { n: 1 });
    assert.deepEqual((await newer.frame()).payload, { n: 1 });
    assert.equal(cloud.signaling.master(channelName)?.open, true);
  });

  test('the eleventh viewer is refused until a place is free', async () => {
    const viewers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => open('VIEWER', { clientId: `viewer-${index}` })),
    );
    const refused = await dial('VIEWER', { clientId: 'eleventh' }).refusal();
    assert.equal(refused.status, 400);
    assert.equal(refused.errorType, 'ClientLimitExceededException');
    // The same viewer again takes its own place.
    await open('VIEWER', { clientId: 'viewer-3' });
    await viewers[0]?.close();
    await cloud.events.waitFor('disconnected', { channelName, clientId: 'viewer-0' });
    await open('VIEWER', { clientId: 'eleventh' });
  });

  test('wrong presigned URLs are refused with 403', async () => {
    const temporary = cloud.context.credentials.addTemporary(Date.now() + 60_000);
    await open('MASTER', { credentials: temporary });
    const expired = cloud.context.credentials.addTemporary(Date.now() - 1000);
    const wrong: Record<string, ConnectOptions> = {
      'another signature': { tamper: (url) => url.replace(/.$/, (last) => (last === '0' ? '1' : '0')) },
      'no signature': { tamper: (url) => url.replace(/&X-Amz-Signature=.*$/, '') },
      'another channel': { tamper: (url) => url.replace(encodeURIComponent(channelName), 'front-1x') },
      'one more parameter': { tamper: (url) => url.replace('/?', '/?X-Amz-ClientId=mallory&') },
      'a token changed': { credentials: { ...temporary, sessionToken: `${temporary.sessionToken}x` } },
      'a token missing': { credentials: { ...cloud.viewerCredentials, accessKeyId: temporary.accessKeyId } },
      'expired credentials': { credentials: expired },
      'an unknown key': { credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' } },
      'another region': { region: 'eu-west-1' },
      'an expired URL': { date: minutesFromNow(-2), expiresSeconds: 60 },
      'a date too early': { date: minutesFromNow(-6) },
      'a date too late': { date: minutesFromNow(6) },
    };
    for (const [what, options] of Object.entries(wrong)) {
      const refusal = await dial('MASTER', options).refusal();
      assert.equal(refusal.status, 403, what);
      assert.match(refusal.body, /"message":/, what);
      assert.ok(
        Math.abs(Date.parse(refusal.date) - Date.now()) < 5000,
        'a Date header to learn the time from',
      );
    }
    await open('MASTER', { date: minutesFromNow(4) });
    const missing = await dial('MASTER', { channelName: 'none' }).refusal();
    assert.equal(missing.status, 404);
  });

  test('GO_AWAY, RECONNECT_ICE_SERVER, a shorter session and an idle end', async () => {
    cloud.limits.goAwayGraceMs = 50;
    const master = await open('MASTER');
    cloud.signaling.master(channelName)?.reconnectIceServer();
    cloud.signaling.master(channelName)?.goAway();
    assert.equal((await master.frame(0)).messageType, 'RECONNECT_ICE_SERVER');
    assert.equal((await master.frame(1)).messageType, 'GO_AWAY');
    assert.equal(await master.closed, 1001);

    Object.assign(cloud.limits, { sessionMs: 100, goAwayBeforeEndMs: 50 });
    const brief = await open('MASTER');
    assert.equal(await brief.closed, 1001);
    assert.equal(brief.frames[0]?.messageType, 'GO_AWAY');

    Object.assign(cloud.limits, { ...awsLimits(), idleMs: 50 });
    const idle = await open('MASTER');
    assert.equal(await idle.closed, 1001);
  });

  test('a connection can be refused, dropped, hung or frozen', async () => {
    cloud.faults.add('ConnectAsMaster', { kind: 'error', status: 503, errorType: 'Unavailable', times: 1 });
    assert.equal((await dial('MASTER').refusal()).status, 503);
    cloud.faults.add('ConnectAsMaster', { kind: 'drop', times: 1 });
    assert.equal(await dial('MASTER').closed, 1006);
    cloud.faults.add('ConnectAsMaster', { kind: 'garbage', times: 1 });
    assert.equal((await dial('MASTER').refusal()).status, 200);

    const master = await open('MASTER');
    cloud.signaling.master(channelName)?.drop();
    assert.equal(await master.closed, 1006);

    const frozen = await open('MASTER');
    frozen.socket.ping();
    await once(frozen.socket, 'pong');
    cloud.signaling.master(channelName)?.freeze();
    frozen.socket.ping();
    const pong = once(frozen.socket, 'pong', { signal: AbortSignal.timeout(200) });
    await assert.rejects(pong, 'a frozen connection answers no ping');
    cloud.signaling.master(channelName)?.drop();
  });

  test('rates above the quota are recorded, and refused where asked', async () => {
    const master = await open('MASTER');
    const viewer = await open('VIEWER');
    for (let n = 0; n < 6; n++) viewer.send('SDP_OFFER', { n });
    await master.frame(5);
    assert.equal(cloud.events.count('message', { channelName, outcome: 'over-rate' }), 1);
    cloud.limits.enforceRates = true;
    viewer.send('SDP_OFFER', {}, { correlationId: 'over' });
    assert.equal((await viewer.frame()).statusResponse?.statusCode, '429');
  });

  test('a page served over plain HTTP on localhost can view with a URL signed for wss', async () => {
    const page = createServer();
    cloud.signaling.attach(page, 'VIEWER', '/');
    const server = new LoopbackServer(page, '127.0.0.1');
    await server.start();
    const master = await open('MASTER');
    const arn = cloud.context.channels.byName(channelName)?.arn ?? '';
    const parameters = { 'X-Amz-ChannelARN': arn, 'X-Amz-ClientId': 'page' };
    const credentials = cloud.viewerCredentials;
    const url = presign(`wss://localhost:${server.port}`, parameters, { credentials });
    const socket = new WebSocket(url.replace(/^wss:/, 'ws:'));
    await once(socket, 'open');
    socket.send(
      JSON.stringify({ action: 'SDP_OFFER', messagePayload: Buffer.from('{}').toString('base64') }),
    );
    assert.equal((await master.frame()).senderClientId, 'page');
    await server.stop();
  });
});

function minutesFromNow(minutes: number): Date {
  return new Date(Date.now() + minutes * 60_000);
}
