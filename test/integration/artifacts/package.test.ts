import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { PROJECT, readJson, textAt } from '../../../artifacts/bundle.ts';
import { isObject, valueAt, type Json, type JsonObject } from '../../../src/config/layers.ts';
import { parseRecipe } from '../../cloud/nucleus/recipe.ts';

const run = promisify(execFile);
const MAX_ZIP_BYTES = 12e6;
const FILES = [
  'LICENSE',
  'THIRD-PARTY-LICENSES',
  'aws-crt-nodejs-musl.node',
  'aws-crt-nodejs.node',
  'install.sh',
  'kvs-webrtc-agent.mjs',
  'machine',
  'run.sh',
  'sbom.cdx.json',
];

const folder = mkdtempSync(join(tmpdir(), 'kvs-package-'));
const outputs = ['one', 'other'].map((name) => join(folder, name));

/** The artifacts without Node: the same but for one file, which the end-to-end tests run. */
before(async () => {
  const command = ['artifacts/package.ts', '--without-node', '--output'];
  await Promise.all(outputs.map((output) => run(process.execPath, [...command, output], { cwd: PROJECT })));
});
after(() => rmSync(folder, { recursive: true }));

function zipsOf(output = outputs[0] ?? ''): string[] {
  return globSync(join(output, 'artifacts/*/*/*.zip')).toSorted();
}

function unzipped(zip: string, name: string): string {
  return execFileSync('unzip', ['-p', zip, name], { encoding: 'utf8', maxBuffer: 1e8 });
}

function objects(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

test('packaging twice makes the same bytes', () => {
  const [one, other] = outputs.map((output) =>
    globSync(join(output, '{artifacts,recipes}/**/*.{zip,json}'))
      .toSorted()
      .map((file) => [basename(file), createHash('sha256').update(readFileSync(file)).digest('hex')]),
  );
  assert.deepEqual(one, other);
  assert.equal(one?.length, 4);
});

test('an artifact for each architecture, complete and small enough', (t) => {
  const machines: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64' };
  const zips = zipsOf();
  assert.equal(zips.length, 2);
  for (const zip of zips) {
    const { length } = readFileSync(zip);
    t.diagnostic(`${basename(zip)}: ${(length / 1e6).toFixed(1)} MB`);
    assert.ok(length <= MAX_ZIP_BYTES);
    const names = execFileSync('unzip', ['-Z1', zip], { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(names, FILES);
    const [, architecture = ''] = /linux-(\w+)-without-node/.exec(zip) ?? [];
    assert.equal(unzipped(zip, 'machine').trim(), machines[architecture]);
  }
});

test('both nuclei read the recipe, which is for every way to deploy, and it names the zips', () => {
  const [output = ''] = outputs;
  const files = globSync(join(output, 'recipes/*.json')).toSorted();
  const recipe = readJson(files[0] ?? '');
  const id = `${textAt(recipe, 'ComponentName')}-${textAt(recipe, 'ComponentVersion')}.json`;
  assert.deepEqual(
    files.map((file) => basename(file)),
    [id, 'recipe.json'].toSorted(),
  );
  for (const file of files) {
    assert.deepEqual(readJson(file), recipe);
    for (const personality of ['classic', 'lite'] as const)
      parseRecipe(readFileSync(file, 'utf8'), personality);
  }
  const uris = objects(recipe.Manifests).flatMap((manifest) =>
    objects(manifest.Artifacts).map((each) => each.Uri),
  );
  const named = uris.map((uri) => basename(typeof uri === 'string' ? uri : '')).toSorted();
  assert.deepEqual(
    named,
    zipsOf().map((zip) => basename(zip)),
  );
});

test('the bill of materials lists what is in the bundle, as the lock file pins it, and nothing else', () => {
  const [zip = ''] = zipsOf();
  const sbom: unknown = JSON.parse(unzipped(zip, 'sbom.cdx.json'));
  assert.ok(isObject(sbom));
  assert.deepEqual([sbom.bomFormat, sbom.specVersion], ['CycloneDX', '1.6']);
  const components = objects(sbom.components);
  const names = components.map(({ name }) => name);
  for (const name of [
    'werift',
    'ws',
    'pino',
    'convict',
    'node-forge',
    'aws-crt',
    '@aws-sdk/client-kinesis-video',
  ])
    assert.ok(names.includes(name), name);
  const development = Object.keys(
    valueAt(readJson(join(PROJECT, 'package.json')), ['devDependencies']) ?? {},
  );
  const bundledToo = names.filter((name) => typeof name === 'string' && development.includes(name));
  // Chosen for the tests, but the AWS clients bring it along.
  assert.deepEqual(
    bundledToo.filter((name) => name !== '@smithy/signature-v4'),
    [],
  );
  const pinned = Object.values(valueAt(readJson(join(PROJECT, 'package-lock.json')), ['packages']) ?? {});
  const digests = new Set(
    pinned.flatMap((each) =>
      isObject(each) && typeof each.integrity === 'string' ? [hexOf(each.integrity)] : [],
    ),
  );
  for (const { name, hashes } of components) {
    const [hash] = objects(hashes);
    assert.ok(digests.has(typeof hash?.content === 'string' ? hash.content : ''), JSON.stringify(name));
  }
});

function hexOf(integrity: string): string {
  return Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex');
}

test('every package that is listed has its license text', () => {
  const [zip = ''] = zipsOf();
  const notices = unzipped(zip, 'THIRD-PARTY-LICENSES');
  const sbom: unknown = JSON.parse(unzipped(zip, 'sbom.cdx.json'));
  for (const component of objects(isObject(sbom) ? sbom.components : [])) {
    const heading = `\n${textAt(component, 'name')} ${textAt(component, 'version')} (`;
    const [, section = ''] = notices.split(heading);
    assert.match(section.slice(0, 4000), /permi(ssion|tted)|Apache License|unencumbered/i, heading);
  }
});
