import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Actions, type Action } from '../../../src/control/actions.ts';
import { ControlError } from '../../../src/control/control-message.ts';
import type { JsonObject } from '../../../src/config/layers.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { KeptLog } from '../greengrass/support/bench.ts';

const viewer = { clientId: 'viewer-1' };

/** What a camera with these programs answers. */
function camera(actions: Record<string, Action>) {
  const log = new KeptLog();
  const all = new Actions({
    camera: 'front',
    actions,
    topics: undefined,
    nice: 0,
    clock: systemClock,
    log,
  });
  const methods = all.methods();
  const ask = async (method: string, params: JsonObject) =>
    (await methods[method]?.run(viewer, params))?.result.reply;
  return { log, methods, ask, all };
}

const node = (script: string) => ({ command: [process.execPath, '-e', script] });

test('the program reads the message, has only its own arguments, and its reply comes back', async () => {
  const script = `process.stdin.once('data', (text) => console.log(
    JSON.stringify({ arguments: process.argv.slice(1), message: JSON.parse(text) })))`;
  const { ask } = camera({ door: { command: [process.execPath, '-e', script, '$(id)', 'a b'] } });
  const data = { seconds: 3, '--evil': '; rm -rf /' };
  assert.deepEqual(await ask('command', { action: 'door', data }), {
    arguments: ['$(id)', 'a b'],
    message: { camera: 'front', clientId: 'viewer-1', action: 'door', data },
  });
});

test('a program may answer with text, or nothing', async () => {
  const { ask } = camera({ hello: node('console.log("good day")'), quiet: node('') });
  assert.equal(await ask('command', { action: 'hello' }), 'good day');
  assert.equal(await ask('command', { action: 'quiet' }), null);
});

test('what is not configured does not exist', async () => {
  assert.deepEqual(camera({}).methods, {});
  const { ask, methods } = camera({ light: node('') });
  assert.deepEqual(Object.keys(methods), ['command']);
  for (const action of ['door', 'constructor', '__proto__', '/bin/sh', '', 7, null])
    await assert.rejects(ask('command', { action }), ControlError);
  for (const params of [
    { action: 'light', command: ['sh'] },
    { action: 'light', data: ['-c'] },
  ])
    await assert.rejects(ask('command', params), ControlError);
});

test('a program that fails, floods, hangs or is missing is an error; its words stay on the device', async () => {
  const { ask, log } = camera({
    failing: node('console.error("the key is 1234"); process.exit(3)'),
    flooding: node('for (;;) process.stdout.write("x".repeat(65536))'),
    hanging: { ...node('setInterval(() => {}, 1000)'), timeoutSeconds: 0.2 },
    missing: { command: ['/nowhere/at-all'] },
  });
  await assert.rejects(ask('command', { action: 'failing' }), { message: 'the action ended with code 3' });
  assert.match(JSON.stringify(log.lines), /the key is 1234/);
  await assert.rejects(ask('command', { action: 'flooding' }), /printed more than 8192 bytes/);
  await assert.rejects(ask('command', { action: 'hanging' }), /has not ended within 200 ms/);
  await assert.rejects(ask('command', { action: 'missing' }), { message: 'the action could not be started' });
});

test('PTZ is three speeds, and goes to the action of that name', async () => {
  const { ask } = camera({
    ptz: node(`process.stdin.once('data', (text) => console.log(JSON.stringify(JSON.parse(text).data)))`),
  });
  assert.deepEqual(await ask('ptz', { pan: -1, zoom: 0.5 }), { pan: -1, tilt: 0, zoom: 0.5 });
  for (const params of [{ pan: 1.1 }, { tilt: '1' }, { zoom: null }, { roll: 1 }])
    for (const [method, asked] of [
      ['ptz', params],
      ['command', { action: 'ptz', data: params }],
    ] as const)
      await assert.rejects(ask(method, asked), ControlError);
});

test('what a viewer has set in motion stops when it leaves', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvs-ptz-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'moves');
  const script = `process.stdin.once('data', (text) => require('fs').appendFileSync(
    ${JSON.stringify(file)}, JSON.parse(text).data.pan + ' '))`;
  const { ask, all } = camera({ ptz: node(script) });
  await all.left(viewer.clientId);
  await ask('ptz', { pan: 1 });
  await ask('ptz', {});
  await all.left(viewer.clientId);
  await ask('ptz', { pan: -1 });
  await all.left('another');
  await all.left(viewer.clientId);
  await all.left(viewer.clientId);
  assert.equal(readFileSync(file, 'utf8'), '1 0 -1 0 ');
});

test('an action for a topic needs a nucleus', async () => {
  const { ask } = camera({ light: { topic: 'kvs-webrtc/light' } });
  await assert.rejects(ask('command', { action: 'light' }), /there is no nucleus/);
});
