import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { buildConfig } from '../../../src/config/build.ts';
import { loadLocal } from '../../../src/config/load.ts';
import { FatalStartupError } from '../../../src/errors.ts';

const directory = mkdtempSync(join(tmpdir(), 'kvs-config-'));
after(() => rmSync(directory, { recursive: true }));

test('defaults are below the file, the file below the environment', async () => {
  const file = written('layers.json', '\uFEFF{"aws": {"region": "eu-west-1"}, "log": {"level": "warn"}}');
  const config = buildConfig(
    await loadLocal({ file, env: { KVS_LOG_LEVEL: 'debug', AWS_IOT_THING_NAME: 'door' } }),
  );
  assert.equal(config.aws.region, 'eu-west-1');
  assert.equal(config.log.level, 'debug');
  assert.equal(config.device.thingName, 'door');
  assert.equal(config.metrics.intervalSeconds, 60);
});

test('without a file the environment is enough', async () => {
  const config = buildConfig(await loadLocal({ env: { AWS_DEFAULT_REGION: 'us-west-2' } }));
  assert.equal(config.aws.region, 'us-west-2');
});

test('the first of several environment variables counts, an empty one does not', async () => {
  const env = { AWS_REGION: 'us-east-1', AWS_DEFAULT_REGION: 'us-west-2', KVS_LOG_LEVEL: '' };
  const config = buildConfig(await loadLocal({ env }));
  assert.equal(config.aws.region, 'us-east-1');
  assert.equal(config.log.level, 'info');
});

test('faults name the environment where it is to blame', async () => {
  const layers = await loadLocal({ env: { AWS_REGION: 'Oregon' } });
  assert.throws(() => buildConfig(layers), /aws\.region is "Oregon" \(environment\)/);
});

test('a missing file is named', async () => {
  const file = join(directory, 'nowhere.json');
  await assert.rejects(loadLocal({ file, env: {} }), (error) => {
    assert.ok(error instanceof FatalStartupError);
    assert.match(error.message, /nowhere\.json cannot be read/);
    return true;
  });
});

test('bad JSON is shown with its line, without its content', async () => {
  const file = written('bad.json', '{\n  "aws": { "region": "us-west-2", },\n  "password": "hunter2"\n}');
  await assert.rejects(loadLocal({ file, env: {} }), (error) => {
    assert.ok(error instanceof FatalStartupError);
    assert.match(error.message, /bad\.json:2:35/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

test('JSON that is no object is refused', async () => {
  await assert.rejects(loadLocal({ file: written('list.json', '[]'), env: {} }), /must hold a JSON object/);
});

function written(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}
