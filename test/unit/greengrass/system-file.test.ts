import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { parseSystemFile } from '../../../src/greengrass/system-file.ts';

function system(...lines: string[]): string {
  return ['---', 'system:', ...lines.map((line) => `  ${line}`), 'services:', '  a: {}', ''].join('\n');
}

test('reads plain and quoted scalars, comments and file: URIs', () => {
  const yaml = system(
    'certificateFilePath: /a/cert.pem # the old one',
    "privateKeyPath: 'file:///a/it''s.key'",
    String.raw`rootCaPath: "/a/root \"CA\".pem"   # quoted`,
    'thingName: porch',
  );
  assert.deepEqual(parseSystemFile(yaml), {
    certificatePath: '/a/cert.pem',
    privateKeyPath: "/a/it's.key",
    rootCaPath: '/a/root "CA".pem',
    thingName: 'porch',
  });
});

test('only the keys right under system count', () => {
  const yaml = [
    'services:',
    '  x:',
    '    thingName: wrong',
    'system:',
    '  other:',
    '    thingName: wrong',
    '  thingName: right',
    'thingName: wrong',
  ].join('\n');
  assert.deepEqual(parseSystemFile(yaml), { thingName: 'right' });
});

test('what is not a simple scalar is left out, never guessed at', () => {
  for (const value of [
    '',
    '~',
    'null',
    '|',
    '>-',
    '&a /x',
    '*a',
    '[/x]',
    '{a: b}',
    '"open',
    "'open",
    '!!str x',
    '# x',
  ]) {
    assert.deepEqual(parseSystemFile(system(`privateKeyPath: ${value}`)), {}, value);
  }
  assert.deepEqual(parseSystemFile(''), {});
  assert.deepEqual(parseSystemFile('system: {thingName: x}'), {});
});

test('any path that a nucleus writes is read back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 1 }), (name) => {
      const path = `/greengrass/${name}`;
      const { certificatePath, privateKeyPath } = parseSystemFile(
        system(
          `certificateFilePath: ${JSON.stringify(path)}`,
          `privateKeyPath: '${path.replaceAll("'", "''")}'`,
        ),
      );
      assert.deepEqual([certificatePath, privateKeyPath], [path, path]);
    }),
  );
});

test('garbage is no reason to fail', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parsed = parseSystemFile(`system:\n  ${text}\n  thingName: porch`);
      assert.ok(parsed.thingName === undefined || typeof parsed.thingName === 'string');
    }),
  );
});
