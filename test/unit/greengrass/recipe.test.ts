import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interpolate, parseRecipe } from '../../cloud/nucleus/recipe.ts';

const variables = {
  rootPath: '/gg',
  artifactsPath: '/gg/packages/artifacts/c/1.0.0',
  decompressedPath: '/gg/packages/artifacts-unarchived/c/1.0.0',
  workPath: '/gg/work/c',
  thingName: 'porch',
  configuration: { a: { b: 'it costs "$5"', c: 7 }, list: [1] },
};

test('recipe variables: classic', () => {
  const text =
    '{kernel:rootPath} {work:path} {iot:thingName} {configuration:/a/c} {configuration:/list} ${X:-y} {z}';
  assert.equal(interpolate(text, variables, 'classic'), '/gg /gg/work/c porch 7 [1] ${X:-y} {z}');
  assert.equal(interpolate('{configuration:/none}', variables, 'classic'), '{configuration:/none}');
});

test('recipe variables: lite escapes configuration for the shell, ends paths in a slash and has no other braces', () => {
  assert.equal(
    interpolate('{artifacts:path}run "{configuration:/a/b}"', variables, 'lite'),
    '/gg/packages/artifacts/c/1.0.0/run "it costs \\"\\$5\\""',
  );
  for (const text of ['${X}', '{ echo; }', 'a { b', '{configuration:/none}']) {
    assert.throws(() => interpolate(text, variables, 'lite'), /lite cannot replace/, text);
  }
});

test('a script has its own environment above the shared one, its privilege and its time limit', () => {
  const recipe = {
    ComponentName: 'c',
    ComponentVersion: '1.0.0',
    Manifests: [
      { Platform: { os: 'windows', runtime: '*' }, Lifecycle: {} },
      {
        Platform: { os: 'linux', runtime: '*' },
        Lifecycle: {
          Setenv: { A: 'shared', B: 'shared' },
          install: { Script: 'x', RequiresPrivilege: 'true', Timeout: '300', Setenv: { A: 'own' } },
          run: 'y',
        },
      },
    ],
  };
  for (const personality of ['classic', 'lite'] as const) {
    const { scripts } = parseRecipe(JSON.stringify(recipe), personality);
    assert.deepEqual(scripts.install, {
      text: 'x',
      requiresPrivilege: true,
      timeoutMs: 300_000,
      environment: { A: 'own', B: 'shared' },
    });
    assert.deepEqual(scripts.run?.environment, { A: 'shared', B: 'shared' });
  }
});
