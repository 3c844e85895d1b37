import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROJECT, projectVersion, readJson, textAt } from '../../../artifacts/bundle.ts';
import { recipeFaults } from '../../../artifacts/recipe-rules.ts';
import { artifactName, deviceRecipe, RECIPE_FILE } from '../../../artifacts/recipe.ts';
import { buildConfig } from '../../../src/config/build.ts';
import { isObject, valueAt, type JsonObject } from '../../../src/config/layers.ts';
import { agentKeys } from '../../../src/greengrass/component-config.ts';
import { topicMatches } from '../../cloud/nucleus/broker.ts';
import { scalarsAsText } from '../../cloud/nucleus/config-store.ts';
import { parseRecipe } from '../../cloud/nucleus/recipe.ts';

const recipe = readJson(RECIPE_FILE);
const zips = [`${artifactName('x64', true)}.zip`, `${artifactName('arm64', true)}.zip`];
/** What the device itself always knows. */
const device = { name: 'device', values: { aws: { region: 'eu-west-1' }, device: { thingName: 'porch' } } };

function objectAt(document: JsonObject, ...path: string[]): JsonObject {
  const value = valueAt(document, path);
  assert.ok(isObject(value), path.join('.'));
  return value;
}

function defaults(): JsonObject {
  return objectAt(recipe, 'ComponentConfiguration', 'DefaultConfiguration');
}

test('the recipe keeps the rules of both nuclei, and both read it', () => {
  assert.deepEqual(recipeFaults(recipe, zips), []);
  for (const personality of ['classic', 'lite'] as const) {
    const { componentName, version, dependencies, scripts } = parseRecipe(
      JSON.stringify(recipe),
      personality,
    );
    assert.equal(componentName, textAt(recipe, 'ComponentName'));
    assert.equal(version, projectVersion());
    assert.deepEqual(dependencies, ['aws.greengrass.TokenExchangeService']);
    assert.deepEqual(Object.keys(scripts), ['install', 'startup']);
  }
});

/** The recipe with the text `from` replaced in it. */
function changed(from: string, to: string): JsonObject {
  const text = JSON.stringify(recipe);
  assert.ok(text.includes(from), from);
  const value: unknown = JSON.parse(text.replace(from, () => to));
  assert.ok(isObject(value));
  return value;
}

test('what would not work on a device is found', () => {
  const cases: [from: string, to: string, expected: RegExp][] = [
    ['"Script"', '"script"', /install\.script: not a key that both nuclei know/],
    ['"Uri"', '"URI"', /Artifacts.*URI: not a key/],
    ['"Setenv"', '"SetEnv"', /SetEnv: not a key/],
    ['"Timeout":120', '"Skipif":"exists /x"', /Skipif: not a key/],
    ['"runtime":"*"', '"runtime":"aws_nucleus"', /runtime is aws_nucleus, expected \*/],
    [',"runtime":"*"', '', /lite skips the manifest/],
    ['"startup"', '"shutdown"', /shutdown: not a key/],
    ['"architecture":"amd64"', '"architecture":"x86_64"', /architecture is x86_64/],
    ['{work:path}', '${HOME}', /\{HOME\} cannot be replaced/],
    ['{work:path}', '{configuration:/device/privateKeyPath}', /privateKeyPath\} cannot be replaced/],
    ['{work:path}', '{configuration:/credentials}', /credentials\} cannot be replaced/],
    ['linux-x64/install.sh', 'linux-x86/install.sh', /there is no kvs-webrtc-agent-linux-x86\.zip/],
    ['linux-arm64.zip', 'linux-arm.zip', /kvs-webrtc-agent-linux-arm\.zip was not built/],
    ['"ComponentVersion":"', '"ComponentVersion":"v', /ComponentVersion is v/],
    ['"INSTALL_PACKAGES":"{configuration:/installPackages}"', '"INSTALL_PACKAGES":1', /is not a text/],
    [
      '"ComponentDescription":"',
      `"ComponentDescription":"${'x'.repeat(5000)}`,
      /the recipe has \d+ B, more than 8000/,
    ],
  ];
  for (const [from, to, expected] of cases) {
    assert.match(recipeFaults(changed(from, to), zips).join('\n'), expected, `${from} → ${to}`);
  }
});

test('the default configuration is the schema’s, and valid as each nucleus hands it out', () => {
  const check = ['artifacts/recipe.ts', '--check'];
  execFileSync(process.execPath, check, { cwd: PROJECT, stdio: ['ignore', 'ignore', 'inherit'] });
  for (const values of [defaults(), scalarsAsText(defaults())]) {
    assert.ok(isObject(values));
    const config = buildConfig([device, { name: 'component', values: agentKeys(values) }]);
    assert.equal(config.device.thingName, 'porch');
    assert.deepEqual(config.cameras, {});
  }
});

test('the access it asks for covers its topics and no others', () => {
  const policies = objectAt(defaults(), 'accessControl', 'aws.greengrass.ipc.mqttproxy');
  const filters = Object.values(policies).flatMap((policy) => {
    const resources = isObject(policy) ? policy.resources : undefined;
    return Array.isArray(resources) ? resources.map(String) : [];
  });
  const isAllowed = (topic: string) => filters.some((filter) => topicMatches(filter, topic));
  const shadow = '$aws/things/porch/shadow/name';
  const own = [
    `${shadow}/kvs-webrtc/update`,
    `${shadow}/kvs-webrtc/get/accepted`,
    `${shadow}/kvs-webrtc-status/update`,
    'kvs-webrtc/porch/commands/status',
    'kvs-webrtc/porch/responses',
  ];
  assert.deepEqual(
    own.filter((topic) => !isAllowed(topic)),
    [],
  );
  const foreign = ['$aws/things/porch/jobs/notify', `${shadow}/other/update`, 'other/topic'];
  assert.deepEqual(foreign.filter(isAllowed), []);
});

test('a recipe for one architecture, or without Node, names what is packaged then', () => {
  for (const architecture of ['x64', 'arm64'] as const) {
    const single = deviceRecipe([architecture], false);
    assert.deepEqual(recipeFaults(single, [`${artifactName(architecture, false)}.zip`]), []);
  }
});

test('GDK finds the recipe, and its settings name the same component and version', () => {
  const name = textAt(recipe, 'ComponentName');
  assert.deepEqual(readJson(join(PROJECT, 'recipe.json')), recipe);
  const { component } = readJson(join(PROJECT, 'gdk-config.json'));
  assert.ok(isObject(component));
  assert.deepEqual(Object.keys(component), [name]);
  assert.equal(valueAt(component, [name, 'version']), projectVersion());
  const command = valueAt(component, [name, 'build', 'custom_build_command']);
  assert.deepEqual(command, ['npm', 'run', 'package']);
  const scripts = objectAt(readJson(join(PROJECT, 'package.json')), 'scripts');
  assert.equal(typeof scripts.package, 'string');
});

test('the example deployment deploys this version with a valid configuration', () => {
  const deployment = readJson(join(PROJECT, 'recipes/deployment.json'));
  const name = textAt(recipe, 'ComponentName');
  const component = objectAt(deployment, 'components', name);
  assert.equal(component.componentVersion, projectVersion());
  const merge: unknown = JSON.parse(textAt(component, 'configurationUpdate', 'merge'));
  assert.ok(isObject(merge));
  const layers = [device, { name: 'recipe', values: agentKeys(defaults()) }];
  const config = buildConfig([...layers, { name: 'deployment', values: agentKeys(merge) }]);
  assert.deepEqual(Object.keys(config.cameras), ['front']);
});
