/** The AWS SDK's own client: proof that the stand-in speaks the real protocol, and that our client says the same. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { greengrasscoreipc } from 'aws-iot-device-sdk-v2';
import { createClient, createDefaultClientConfig } from 'aws-iot-device-sdk-v2/dist/greengrasscoreipc.js';
import {
  ConfigurationValidityStatus,
  QOS,
  ReportedLifecycleState,
} from 'aws-iot-device-sdk-v2/dist/greengrasscoreipc/model.js';
import { encodeMessage, MessageReader, type HeaderValue } from '../../../src/greengrass/event-stream.ts';
import { ipcAddress } from '../../../src/greengrass/ipc-client.ts';
import { IpcConnection } from '../../../src/greengrass/ipc-connection.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { COMPONENT, Heard, PERSONALITIES, startNucleus } from './support/bench.ts';

const forever = new AbortController().signal;
const TOPIC = 'kvs-webrtc/porch/metrics';

async function sdkClient(env: Record<string, string>): Promise<greengrasscoreipc.Client> {
  const address = ipcAddress(env);
  assert.ok(address);
  const client = createClient({
    ...createDefaultClientConfig(),
    hostName: address.socketPath,
    connectTransform: ({ message }) =>
      Promise.resolve({ ...message, payload: JSON.stringify({ authToken: address.token }) }),
  });
  await client.connect();
  return client;
}

/** What the SDK's model makes of a nucleus's refusal. */
function refusal(check: (serviceError: Record<string, unknown>) => void) {
  return (error: { serviceError?: Record<string, unknown> }) => {
    assert.ok(error.serviceError, 'not an answer of the nucleus');
    check(error.serviceError);
    return true;
  };
}

function textOf(payload: unknown): string {
  return payload instanceof Uint8Array ? Buffer.from(payload).toString() : '';
}

for (const personality of PERSONALITIES) {
  test(`${personality}: the SDK's client gets its answers and events`, async (context) => {
    const { nucleus, broker, env } = await startNucleus(
      context,
      personality,
      { cameras: {} },
      { secrets: { a: 'b:c' } },
    );
    const client = await sdkClient(env);
    const { value } = await client.getConfiguration({ keyPath: ['cameras'] });
    assert.deepEqual(value, {});
    const missing = client.getConfiguration({ keyPath: ['none'] });
    await assert.rejects(
      missing,
      refusal(({ _errorCode }) => assert.equal(_errorCode, 'ResourceNotFoundError')),
    );

    const messages = new Heard<string>();
    const subscription = client.subscribeToIoTCore({ topicName: TOPIC, qos: QOS.AT_LEAST_ONCE });
    subscription.on('message', ({ message }) => messages.hear(textOf(message?.payload)));
    await subscription.activate();
    await client.publishToIoTCore({ topicName: TOPIC, payload: 'grüße', qos: QOS.AT_LEAST_ONCE });
    assert.equal(await messages.until(), 'grüße');
    assert.equal(broker.published.length, 1);
    const elsewhere = client.publishToIoTCore({ topicName: 'elsewhere', qos: QOS.AT_MOST_ONCE });
    await assert.rejects(
      elsewhere,
      refusal(({ _errorCode }) => assert.equal(_errorCode, 'UnauthorizedError')),
    );

    const changes = new Heard<string[]>();
    const updates = client.subscribeToConfigurationUpdate({ keyPath: [] });
    updates.on('message', ({ configurationUpdateEvent: event }) => changes.hear(event?.keyPath ?? []));
    await updates.activate();
    nucleus.configs.merge(COMPONENT, { log: { level: 'debug' } });
    assert.deepEqual(await changes.until(), ['log']);

    await client.updateState({ state: ReportedLifecycleState.RUNNING });
    assert.deepEqual(nucleus.reportedStates, [{ component: COMPONENT, state: 'RUNNING' }]);
    await client.close();
  });
}

test("classic: the SDK's client validates, defers and reads secrets", async (context) => {
  const { nucleus, env } = await startNucleus(context, 'classic', {}, { secrets: { login: 'a:b' } });
  const client = await sdkClient(env);
  const { secretValue } = await client.getSecretValue({ secretId: 'login' });
  assert.equal(secretValue.secretString, 'a:b');

  const validation = client.subscribeToValidateConfigurationUpdates({});
  validation.on('message', ({ validateConfigurationUpdateEvent: event }) => {
    const configurationValidityReport = {
      status: ConfigurationValidityStatus.ACCEPTED,
      deploymentId: event?.deploymentId ?? '',
      message: '',
    };
    void client.sendConfigurationValidityReport({ configurationValidityReport });
  });
  await validation.activate();
  const told = new Heard<string>();
  const updates = client.subscribeToComponentUpdates({});
  updates.on('message', ({ preUpdateEvent, postUpdateEvent }) => {
    told.hear(preUpdateEvent ? 'before' : 'after');
    const deploymentId = preUpdateEvent?.deploymentId ?? postUpdateEvent?.deploymentId ?? '';
    const recheckAfterMs = told.all.length === 1 ? 10 : 0;
    if (preUpdateEvent) void client.deferComponentUpdate({ deploymentId, recheckAfterMs });
  });
  await updates.activate();
  const { status } = await nucleus.deploy({ component: COMPONENT, merge: { a: 1 } });
  assert.equal(status, 'SUCCEEDED');
  await told.until((event) => event === 'after');
  assert.deepEqual(told.all, ['before', 'before', 'after']);
  await client.close();
});

test('lite: operations that it lacks are refused without a word', async (context) => {
  const { env } = await startNucleus(context, 'lite');
  const client = await sdkClient(env);
  const silent = refusal(({ message, _message }) => assert.deepEqual([message, _message], [undefined, '']));
  await assert.rejects(client.getSecretValue({ secretId: 'a' }), silent);
  await assert.rejects(client.subscribeToComponentUpdates({}).activate(), silent);
  await assert.rejects(client.subscribeToValidateConfigurationUpdates({}).activate(), silent);
  await client.close();
});

function frame(headers: [string, HeaderValue][], content: object): Buffer {
  return encodeMessage({ headers: new Map(headers), payload: Buffer.from(JSON.stringify(content)) });
}

test('lite: a frame above its buffer ends the connection', async (context) => {
  const { nucleus, env } = await startNucleus(context, 'lite');
  const address = ipcAddress(env);
  assert.ok(address);
  // Not with the SDK's client: losing a connection with a request under way can end its process.
  const socket = connect(address.socketPath);
  const closed = once(socket, 'close');
  const first: [string, HeaderValue][] = [
    [':version', '0.1.0'],
    [':message-type', 4],
    [':message-flags', 0],
    [':stream-id', 0],
  ];
  socket.write(frame(first, { authToken: address.token }));
  await once(socket, 'data');
  assert.deepEqual(nucleus.ipc.components, [COMPONENT]);
  socket.write(frame([[':stream-id', 1]], { payload: 'x'.repeat(10_000) }));
  await closed;
});

/** What a client said. */
type Said = [headers: Record<string, HeaderValue>, payload: unknown][];

/** Without the ends of streams after the last request: they race with the closing. */
function requests(said: Said): Said {
  return said.slice(0, said.findLastIndex(([, content]) => content !== undefined) + 1);
}

/** A server that agrees to everything and writes down what it was told. */
async function startListener(context: TestContext): Promise<{ socketPath: string; said: Said }> {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-ipc-'));
  const socketPath = join(directory, 'ipc.socket');
  const said: Said = [];
  const server = createServer((socket) => {
    const reader = new MessageReader();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const { headers, payload } of reader.read(chunk)) {
        const isConnect = headers.get(':message-type') === 4;
        const operation = headers.get('operation');
        const named = Object.fromEntries(headers);
        said.push([named, payload.length > 0 ? JSON.parse(payload.toString()) : undefined]);
        if (!isConnect && operation === undefined) continue;
        const answer = new Map<string, HeaderValue>([
          [':message-type', isConnect ? 5 : 0],
          [':message-flags', isConnect ? 1 : 0],
          [':stream-id', headers.get(':stream-id') ?? 0],
          [':content-type', 'application/json'],
          ['service-model-type', `${String(operation)}Response`],
        ]);
        socket.write(encodeMessage({ headers: answer, payload: Buffer.from('{}') }));
      }
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  context.after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { socketPath, said };
}

test("our client says on the wire what the SDK's client says", async (context) => {
  const sdk = await startListener(context);
  const client = await sdkClient({
    AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT: sdk.socketPath,
    SVCUID: 'token',
  });
  // Ours asks this first of all, to know the nucleus.
  await client.getConfiguration({ keyPath: [], componentName: 'aws.greengrass.NucleusLite' });
  await client.publishToIoTCore({ topicName: TOPIC, qos: QOS.AT_LEAST_ONCE, payload: Buffer.from('grüße') });
  await client.updateState({ state: ReportedLifecycleState.ERRORED });
  await client.deferComponentUpdate({ deploymentId: 'd', recheckAfterMs: 5, message: 'm' });
  await client.getSecretValue({ secretId: 's' });
  const configurationValidityReport = {
    deploymentId: 'd',
    status: ConfigurationValidityStatus.REJECTED,
    message: 'm',
  };
  await client.sendConfigurationValidityReport({ configurationValidityReport });
  const subscription = client.subscribeToIoTCore({ topicName: TOPIC, qos: QOS.AT_LEAST_ONCE });
  await subscription.activate();
  await subscription.close();
  await client.getConfiguration({ keyPath: [] });
  await client.close();

  const own = await startListener(context);
  const connection = await IpcConnection.open(
    { socketPath: own.socketPath, token: 'token' },
    systemClock,
    forever,
  );
  const payload = Buffer.from('grüße').toString('base64');
  await connection.call('PublishToIoTCore', { topicName: TOPIC, qos: '1', payload });
  await connection.call('UpdateState', { state: 'ERRORED' });
  await connection.call('DeferComponentUpdate', { deploymentId: 'd', recheckAfterMs: 5, message: 'm' });
  await connection.call('GetSecretValue', { secretId: 's' });
  await connection.call('SendConfigurationValidityReport', {
    configurationValidityReport: { deploymentId: 'd', status: 'REJECTED', message: 'm' },
  });
  const unsubscribe = await connection.subscribe(
    'SubscribeToIoTCore',
    { topicName: TOPIC, qos: '1' },
    () => {},
  );
  unsubscribe();
  await connection.call('GetConfiguration', { keyPath: [] });
  connection.close();

  assert.deepEqual(requests(own.said), requests(sdk.said));
  assert.equal(requests(own.said).length, 16);
});
