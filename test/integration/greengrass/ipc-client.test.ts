import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { encodeMessage, MessageReader, type HeaderValue } from '../../../src/greengrass/event-stream.ts';
import { IpcClient, ipcAddress } from '../../../src/greengrass/ipc-client.ts';
import { IpcConnection, TokenRefusedError } from '../../../src/greengrass/ipc-connection.ts';
import { errorText } from '../../../src/errors.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { COMPONENT, Heard, KeptLog, PERSONALITIES, startIpc, startNucleus } from './support/bench.ts';

const forever = new AbortController().signal;

for (const personality of PERSONALITIES) {
  test(`${personality}: connects with the token of its environment and knows the nucleus`, async (context) => {
    const { nucleus, env } = await startNucleus(context, personality);
    const { ipc } = startIpc(context, env);
    const connection = await ipc.connected(forever);
    assert.equal(connection.nucleus, personality);
    assert.deepEqual(nucleus.ipc.components, [COMPONENT]);
  });

  test(`${personality}: a connection that is cut comes back, with every part started again`, async (context) => {
    const { nucleus, env } = await startNucleus(context, personality);
    const { ipc, nextFailure } = startIpc(context, env);
    const starts = new Heard<number>();
    ipc.attach(async () => starts.hear(starts.all.length + 1));
    const first = await ipc.connected(forever);
    await starts.until((count) => count === 1);
    const failed = nextFailure();
    nucleus.ipc.disconnect();
    await Promise.all([first.lost, failed]);
    assert.notEqual(await ipc.connected(forever), first);
    await starts.until((count) => count === 2);
  });

  test(`${personality}: a token that a restarted nucleus does not know is told apart from an outage`, async (context) => {
    const { nucleus, env } = await startNucleus(context, personality);
    const { ipc, nextFailure } = startIpc(context, env);
    await ipc.connected(forever);
    const lost = nextFailure();
    await nucleus.restart();
    assert.ok(!((await lost) instanceof TokenRefusedError));
    let failure: unknown;
    let refusals = 0;
    do {
      failure = await nextFailure();
      refusals += 1;
    } while (!(failure instanceof TokenRefusedError) && refusals < 5);
    assert.ok(failure instanceof TokenRefusedError, String(failure));
    // Classic says so; lite only closes, which a nucleus that is just ending does too: once is not enough.
    assert.equal(refusals, personality === 'classic' ? 1 : 3);
    assert.doesNotMatch(failure.message, new RegExp(env.SVCUID?.replace(/\W/g, '.') ?? ''));
  });

  test(`${personality}: no socket is an outage, however often it is tried`, async (context) => {
    const { nucleus, env } = await startNucleus(context, personality);
    await nucleus.ipc.stop();
    const { ipc, nextFailure } = startIpc(context, env);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const failure = await nextFailure();
      assert.ok(failure instanceof Error && !(failure instanceof TokenRefusedError));
      assert.match(errorText(failure), /the nucleus cannot be reached: connect ENOENT .*socket/);
    }
    await nucleus.ipc.start();
    await ipc.connected(forever);
  });

  test(`${personality}: stopping ends the connection within a second`, async (context) => {
    const { nucleus, env } = await startNucleus(context, personality);
    const { ipc, stop } = startIpc(context, env);
    await ipc.connected(forever);
    const startedAt = performance.now();
    await stop();
    assert.ok(performance.now() - startedAt < 1000);
    assert.equal(ipc.connection, undefined);
    await nucleus.ipc.until(() => nucleus.ipc.components.length === 0);
    await assert.rejects(ipc.connected(AbortSignal.abort()), /stopped while waiting/);
  });
}

test('a nucleus that goes away at any moment costs the connection and nothing else', async (context) => {
  const { nucleus, env } = await startNucleus(context, 'lite');
  const address = ipcAddress(env);
  assert.ok(address);
  for (let turns = 0; turns < 60; turns += 1) {
    const ipc = new IpcClient({ address, clock: systemClock, log: new KeptLog() });
    const answers: Promise<unknown>[] = [];
    ipc.attach(async (connection) => {
      for (const topicName of ['kvs-webrtc/a', 'kvs-webrtc/b']) {
        await connection.subscribe('SubscribeToIoTCore', { topicName, qos: '1' }, () => {});
      }
      answers.push(connection.call('GetConfiguration', { keyPath: [] }).catch(() => {}));
    });
    const ran = ipc.run(forever);
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    nucleus.ipc.disconnect();
    // Cut before the nucleus had even accepted it, it stays.
    const connection = ipc.connection;
    await Promise.race([ran.catch(() => {}), connection?.lost ?? ipc.connected(forever)]);
    nucleus.ipc.disconnect();
    await assert.rejects(ran);
    await Promise.all(answers);
  }
});

test('a nucleus that sends nonsense costs the connection and nothing else', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-ipc-'));
  const socketPath = join(directory, 'ipc.socket');
  let reply = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(reply));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  context.after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      reply = Buffer.from(bytes);
      const opened = IpcConnection.open({ socketPath, token: 'token' }, systemClock, forever);
      await assert.rejects(opened, /nonsense|without an answer/);
    }),
  );
});

test('a subscription that the nucleus ends by itself ends the connection, so that it is made again', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'kvs-ipc-'));
  const socketPath = join(directory, 'ipc.socket');
  const server = createServer((socket) => {
    const reader = new MessageReader();
    socket.on('data', (chunk: Buffer) => {
      for (const { headers } of reader.read(chunk)) {
        const id = headers.get(':stream-id') ?? 0;
        if (id === 0) socket.write(frame(0, 5, 1));
        // The answer, then the end.
        else socket.write(Buffer.concat([frame(id, 0, 0), ...(id === 2 ? [frame(id, 0, 2)] : [])]));
      }
    });
  });
  server.listen(socketPath);
  await once(server, 'listening');
  context.after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  const connection = await IpcConnection.open({ socketPath, token: 'token' }, systemClock, forever);
  await connection.subscribe('SubscribeToIoTCore', { topicName: 'a', qos: '1' }, () => {});
  assert.match((await connection.lost).message, /the nucleus ended SubscribeToIoTCore/);
});

function frame(id: HeaderValue, type: number, flags: number): Buffer {
  const headers = new Map<string, HeaderValue>([
    [':message-type', type],
    [':message-flags', flags],
    [':stream-id', id],
  ]);
  return encodeMessage({ headers, payload: Buffer.from('{}') });
}

test('stopping at any moment while connecting harms nobody', async (context) => {
  const { env } = await startNucleus(context, 'lite');
  const address = ipcAddress(env);
  assert.ok(address);
  for (let turns = 0; turns < 40; turns += 1) {
    const ipc = new IpcClient({ address, clock: systemClock, log: new KeptLog() });
    const controller = new AbortController();
    const ran = ipc.run(controller.signal);
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    controller.abort();
    await ran;
    assert.equal(ipc.connection, undefined);
  }
});

test('a signal that is aborted already ends the run at once', async (context) => {
  const { env } = await startNucleus(context, 'classic');
  const address = ipcAddress(env);
  assert.ok(address);
  const ipc = new IpcClient({ address, clock: systemClock, log: new KeptLog() });
  await ipc.run(AbortSignal.abort());
  assert.equal(ipc.connection, undefined);
});

test('a part that the nucleus refuses costs no other part', async (context) => {
  const { env } = await startNucleus(context, 'lite');
  const { ipc, log } = startIpc(context, env);
  const worked = new Heard<boolean>();
  ipc.attach(async (connection) => {
    await connection.subscribe('SubscribeToComponentUpdates', {}, () => {});
  });
  ipc.attach(async () => worked.hear(true));
  await worked.until();
  const line = await log.until('this nucleus does not have it');
  assert.match(JSON.stringify(line.details), /SubscribeToComponentUpdates/);
  assert.ok(ipc.connection);
});

test('outside of Greengrass there is no nucleus to connect to', () => {
  assert.equal(ipcAddress({}), undefined);
  assert.equal(ipcAddress({ SVCUID: 'token' }), undefined);
});
