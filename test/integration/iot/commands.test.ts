import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { isObject, type JsonObject } from '../../../src/config/layers.ts';
import { BadCommandError, Commands, type Command, type CommandReply } from '../../../src/iot/commands.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { closeCloud, fasterClock, Inbox, quiet, type ConnectedDevice } from './support/device.ts';
import { startDevice, UPLINKS, type Uplink } from './support/uplink.ts';

interface Request {
  id: string;
  command?: string;
  arguments?: unknown;
}

/** Of several pieces, the last one short. */
const PICTURE = Buffer.from(Array.from({ length: 10_000 }, (_, i) => (i * 7) % 256));

const isAllowed = (name: string) => name !== 'forbidden';

for (const uplink of UPLINKS)
  describe(`commands over ${uplink}`, { timeout: 30_000 }, () => describeCommands(uplink));

function describeCommands(uplink: Uplink): void {
  let cloud: LocalCloud;
  let device: ConnectedDevice;
  const answers = new Inbox<JsonObject>();
  const ran: string[] = [];
  const release = Promise.withResolvers<CommandReply>();
  const commands: Record<string, Command> = {
    status: async () => ({ result: { cameras: { front: { state: 'streaming' } } } }),
    'restart-camera': async ({ camera }) => {
      if (camera !== 'front') throw new BadCommandError('camera: one of front');
      ran.push(camera);
      return { result: {} };
    },
    reload: () => Promise.reject(new Error('the file is gone')),
    huge: async () => ({ result: { text: 'x'.repeat(5000) } }),
    picture: async () => ({ result: { type: 'image/jpeg' }, attachment: PICTURE }),
    slow: () => release.promise,
    forbidden: async () => ({ result: {} }),
  };

  before(async () => {
    cloud = await startLocalCloud({ iotCore: true });
    await cloud.iot.mqtt.subscribe('kvs-webrtc/device/responses', (_, payload) =>
      answers.add(JSON.parse(payload.toString())),
    );
    ({ device } = await startDevice(cloud, 'device', uplink));
    await new Commands({
      bus: device.bus,
      thingName: 'device',
      commands,
      isAllowed,
      clock: systemClock,
      log: quiet,
    }).start();
  });
  after(() => closeCloud(cloud));

  const send = (command: string, payload: string | object) =>
    cloud.iot.mqtt.publish(`kvs-webrtc/device/commands/${command}`, payload);
  async function ask(command: string, request: Request) {
    await send(command, request);
    return answers.find(({ id }) => id === request.id);
  }
  async function refused(command: string, request: Request) {
    const { ok, error } = await ask(command, request);
    assert.equal(ok, false);
    return error;
  }

  test('an answer carries the id and the result', async () => {
    const result = { cameras: { front: { state: 'streaming' } } };
    const expected = { id: 'a-1', command: 'status', ok: true, result };
    assert.deepEqual(await ask('status', { id: 'a-1' }), expected);
    const named = { id: 'a-2', command: 'status', arguments: {} };
    assert.deepEqual(await ask('status', named), { ...expected, id: 'a-2' });
  });

  test('a request that is delivered twice runs once', async () => {
    const request = { id: 'twice', arguments: { camera: 'front' } };
    await send('restart-camera', request);
    await send('restart-camera', request);
    await ask('status', { id: 'after-twice' });
    assert.deepEqual(ran, ['front']);
    assert.equal(answers.items.filter(({ id }) => id === 'twice').length, 1);
  });

  test('what cannot be done is answered with a code and a reason', async () => {
    const cases: [command: string, id: string, code: string, message: RegExp][] = [
      ['no-such', 'e-1', 'unknown', /one of status, restart-camera/],
      ['constructor', 'e-2', 'unknown', /one of/],
      ['__proto__', 'e-3', 'unknown', /one of/],
      ['forbidden', 'e-4', 'not-allowed', /commands\.allowed/],
      ['reload', 'e-5', 'failed', /the file is gone/],
      ['huge', 'e-6', 'too-large', /4096 bytes/],
    ];
    for (const [command, id, code, message] of cases) {
      const error = await refused(command, { id });
      assert.ok(error !== null && typeof error === 'object' && 'code' in error);
      assert.equal(error.code, code);
      assert.match(JSON.stringify(error.message), message);
    }
    assert.deepEqual(await refused('restart-camera', { id: 'e-7', arguments: { camera: 'back' } }), {
      code: 'bad-arguments',
      message: 'camera: one of front',
    });
    const other = await refused('status', { id: 'e-8', command: 'reload' });
    assert.deepEqual(other, { code: 'malformed', message: 'command: the same as in the topic, or none' });
    const list = await refused('status', { id: 'e-9', arguments: [] });
    assert.deepEqual(list, { code: 'malformed', message: 'arguments: an object' });
  });

  test('an attachment comes in pieces of at most 4 KB, in order and whole', async () => {
    const { ok, result } = await ask('picture', { id: 'p-1' });
    assert.equal(ok, true);
    const sha256 = createHash('sha256').update(PICTURE).digest('hex');
    assert.deepEqual(result, { type: 'image/jpeg', pieces: 4, sha256 });
    await answers.find(({ id, piece }) => id === 'p-1' && isObject(piece) && piece.number === 4);
    const documents = answers.items.filter(({ id, piece }) => id === 'p-1' && isObject(piece));
    assert.ok(documents.every((document) => JSON.stringify(document).length <= 4096));
    const pieces = documents.map(({ piece }) => (isObject(piece) ? piece : {}));
    assert.deepEqual(
      pieces.map(({ number, of }) => [number, of]),
      [1, 2, 3, 4].map((number) => [number, 4]),
    );
    const whole = Buffer.concat(
      pieces.map(({ data }) => Buffer.from(typeof data === 'string' ? data : '', 'base64')),
    );
    assert.deepEqual(whole, PICTURE);
  });

  test('garbage is answered without an id and harms nothing', async () => {
    const payloads = [
      '',
      '{',
      'null',
      '[]',
      '5',
      '"text"',
      '{}',
      '{"id":5}',
      '{"id":""}',
      '{"id":"a b"}',
      '\u0000',
    ];
    payloads.push(
      JSON.stringify({ id: 'x'.repeat(65) }),
      JSON.stringify({ id: 'big', text: 'x'.repeat(4096) }),
    );
    for (const payload of payloads) await send('status', payload);
    await ask('status', { id: 'after-garbage' });
    assert.equal(answers.items.filter(({ id }) => id === null).length, payloads.length);
    assert.deepEqual((await ask('status', { id: 'alive' })).ok, true);
  });

  test('few run at a time, and none without end', async () => {
    for (const id of ['s-1', 's-2', 's-3', 's-4']) await send('slow', { id });
    assert.deepEqual(await refused('slow', { id: 's-5' }), {
      code: 'busy',
      message: '4 commands are running',
    });
    release.resolve({ result: { done: true } });
    for (const id of ['s-1', 's-2', 's-3', 's-4']) {
      assert.deepEqual((await answers.find((answer) => answer.id === id)).result, { done: true });
    }
    await send('slow', { id: 's-5' });
    const again = await answers.find(({ id, ok }) => id === 's-5' && ok === true);
    assert.deepEqual(again.result, { done: true }, 'what was refused as busy may be asked again');
  });

  test('a command that does not end is answered, and counts among the running', async () => {
    const hanging = new Commands({
      bus: device.bus,
      thingName: 'device/hanging',
      commands: { hang: () => new Promise(() => undefined) },
      isAllowed: () => true,
      clock: fasterClock(300),
      log: quiet,
    });
    await hanging.start();
    const timedOut = new Inbox<JsonObject>();
    await cloud.iot.mqtt.subscribe('kvs-webrtc/device/hanging/responses', (_, payload) =>
      timedOut.add(JSON.parse(payload.toString())),
    );
    const hang = (id: string) => cloud.iot.mqtt.publish('kvs-webrtc/device/hanging/commands/hang', { id });
    for (const id of ['h-1', 'h-2', 'h-3', 'h-4']) await hang(id);
    for (const { error } of await timedOut.count(4))
      assert.deepEqual(error, { code: 'failed', message: 'not done within 30000 ms' });
    await hang('h-5');
    const { error } = await timedOut.find(({ id }) => id === 'h-5');
    assert.deepEqual(error, { code: 'busy', message: '4 commands are running' });
  });
}
