import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { withConfigTable } from '../../../artifacts/readme-config.ts';
import { buildConfig } from '../../../src/config/build.ts';
import { describeSchema } from '../../../src/config/document.ts';
import type { Json, JsonObject } from '../../../src/config/layers.ts';

test("README's table of keys is current", () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  assert.equal(withConfigTable(readme), readme, 'run: node artifacts/readme-config.ts');
});

test('every key has a doc, and only what the cloud must not set is local', () => {
  for (const { key, doc, type } of describeSchema()) {
    assert.match(doc, /^[A-Z`].*\.$/s, key);
    assert.notEqual(type, '', key);
  }
  const local = new Set(
    describeSchema().flatMap(({ key, scope }) => (scope === 'local' ? [key.split('.')[0] ?? ''] : [])),
  );
  const sections = [
    'actions',
    'aws',
    'cameras',
    'commands',
    'credentials',
    'device',
    'ffmpeg',
    'metrics',
    'mqtt',
    'secrets',
    'shadow',
    'sources',
    'stateDirectory',
  ];
  assert.deepEqual(local, new Set(sections));
});

test('the documented defaults, written out, change nothing', () => {
  const least: JsonObject = {
    aws: { region: 'us-west-2' },
    cameras: { front: { channelName: 'c', source: { type: 'test' } } },
  };
  const written: JsonObject = structuredClone(least);
  for (const { key, default: value } of describeSchema()) {
    if (value === '' || value === 'required' || value === '""' || key.includes('.renditions.')) continue;
    const parsed: unknown = JSON.parse(value);
    assert.ok(isJson(parsed), key);
    set(written, key.replace('<name>', 'front').split('.'), parsed);
  }
  assert.notDeepEqual(written, least);
  assert.deepEqual(
    buildConfig([{ name: 'written', values: written }]),
    buildConfig([{ name: 'least', values: least }]),
  );
});

function isJson(value: unknown): value is Json {
  return (
    ['string', 'number', 'boolean'].includes(typeof value) || (Array.isArray(value) && value.every(isJson))
  );
}

function set(document: JsonObject, [key = '', ...deeper]: readonly string[], value: Json): void {
  if (deeper.length === 0) {
    document[key] = value;
    return;
  }
  const inner = document[key] ?? {};
  assert.ok(typeof inner === 'object' && inner !== null && !Array.isArray(inner));
  document[key] = inner;
  set(inner, deeper, value);
}
