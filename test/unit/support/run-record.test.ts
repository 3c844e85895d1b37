import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import {
  leaks,
  plant,
  record,
  recordFolder,
  RECORD_VARIABLE,
  startRecord,
} from '../../support/run-record.ts';

const TOKEN = 'IQoJb3JpZ2luX2Vj+/token==';
const before = process.env[RECORD_VARIABLE];
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-record-'));
  startRecord(folder);
  process.env[RECORD_VARIABLE] = folder;
  plant(TOKEN, 'short');
  record('agent.log', '{"msg":"agent started"}\n');
});
afterEach(() => {
  if (before === undefined) delete process.env[RECORD_VARIABLE];
  else process.env[RECORD_VARIABLE] = before;
  rmSync(folder, { recursive: true });
});

test('nothing is found where nothing leaked', () => {
  record('agent.log', 'a short line\n');
  assert.deepEqual(leaks(folder), []);
});

const LEAKS: [what: string, text: string][] = [
  ['a token', `{"error":"refused: ${TOKEN}"}`],
  ['a token in a URL', `wss://host/?token=${encodeURIComponent(TOKEN)}`],
  ['a signature', `GET /?X-Amz-Signature=${'0f'.repeat(32)}`],
  ["another's token", 'X-Amz-Security-Token=FwoGZXIvYXdzEJr%2F'],
];

for (const [what, text] of LEAKS)
  test(`found: ${what}`, () => {
    record('agent.log', `one line\n${text}\n`);
    assert.deepEqual(leaks(folder), [join(folder, 'output/agent.log:3')]);
  });

test('found: a secret in a file that was written', () => {
  const state = mkdtempSync(join(folder, 'state-'));
  writeFileSync(join(state, 'channel.json'), JSON.stringify({ token: TOKEN }));
  recordFolder('state', state);
  assert.deepEqual(leaks(folder), [join(folder, 'output/state/channel.json:1')]);
});

test('a search that has nothing to look for, or nothing to look through, is no success', () => {
  startRecord(folder);
  assert.throws(() => leaks(folder), /no secret was planted/);
  plant(TOKEN);
  assert.throws(() => leaks(folder), /nothing was kept/);
});
