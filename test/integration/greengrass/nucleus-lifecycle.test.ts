import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ComponentRunner } from '../../cloud/nucleus/component-runner.ts';
import type { InstallOptions } from '../../cloud/nucleus/nucleus.ts';
import { descendantsOf } from '../../cloud/nucleus/process-tree.ts';
import type { Personality } from '../../cloud/nucleus/recipe.ts';
import { COMPONENT, PERSONALITIES, startNucleus, type Bench } from './support/bench.ts';

/** A recipe that both nuclei understand. */
function recipe(lifecycle: object, dependencies: object = {}): string {
  return JSON.stringify({
    RecipeFormatVersion: '2020-01-25',
    ComponentName: COMPONENT,
    ComponentVersion: '1.2.3',
    ComponentDependencies: dependencies,
    ComponentConfiguration: { DefaultConfiguration: { greeting: 'hello "porch"', count: 3 } },
    Manifests: [{ Platform: { os: 'linux', runtime: '*' }, Lifecycle: lifecycle }],
  });
}

type InstalledBench = Bench & { runner: ComponentRunner };

async function install(
  context: TestContext,
  personality: Personality,
  lifecycle: object,
  options: InstallOptions = {},
): Promise<InstalledBench> {
  const bench = await startNucleus(context, personality);
  const environment = { PATH: process.env.PATH ?? '', ...options.environment };
  const runner = bench.nucleus.install(recipe(lifecycle), { restartDelayMs: 10, ...options, environment });
  return { ...bench, runner };
}

for (const personality of PERSONALITIES) {
  test(`${personality}: scripts get the nucleus's environment, its variables and their folder`, async (context) => {
    const { runner, rootPath } = await install(context, personality, {
      Setenv: { NAME: '{iot:thingName}' },
      install: 'echo "installed in {work:path}"',
      run: {
        Script:
          'echo "$NAME $AWS_REGION $GGC_VERSION $(printf %s "$SVCUID" | wc -c) {configuration:/count} {artifacts:decompressedPath}"; pwd; sleep 60',
        Setenv: { OWN: 'x' },
      },
    });
    runner.start();
    await runner.until(({ output }) => output.split('\n').length > 3);
    const slash = personality === 'lite' ? '/' : '';
    const lines = runner.output.split('\n');
    assert.equal(lines[0], `installed in ${rootPath}/work/${COMPONENT}${slash}`);
    const version = personality === 'lite' ? '2.6.0' : '2.15.0';
    const unpacked = `${rootPath}/packages/artifacts-unarchived/${COMPONENT}/1.2.3${slash}`;
    assert.match(lines[1] ?? '', new RegExp(`^porch eu-west-1 ${version} 16 3 ${unpacked}$`));
    assert.equal(lines[2], join(rootPath, 'work', COMPONENT));
    assert.equal(runner.state, 'RUNNING');
  });

  test(`${personality}: a component that ends well is finished, one that fails three times is broken`, async (context) => {
    const { runner } = await install(context, personality, { run: 'true' });
    runner.start();
    await runner.until(({ state }) => state === 'FINISHED');
    assert.deepEqual(runner.exitCodes, [0]);

    const { runner: failing } = await install(context, personality, { run: 'exit 7' });
    failing.start();
    await failing.until(({ state }) => state === 'BROKEN');
    assert.deepEqual(failing.exitCodes, [7, 7, 7]);

    const { runner: unready } = await install(context, personality, { install: 'exit 1', run: 'true' });
    unready.start();
    await unready.until(({ state }) => state === 'BROKEN');
    assert.deepEqual(unready.exitCodes, []);
  });

  test(`${personality}: stopping ends children before their parent, and kills what does not listen`, async (context) => {
    const { runner } = await install(
      context,
      personality,
      {
        run: "trap 'echo parent; exit 0' TERM; (trap 'echo child; exit 0' TERM; echo up; while :; do sleep 0.05; done) & wait; echo waited; wait",
      },
      { stopTimeoutMs: 3000 },
    );
    runner.start();
    await runner.until(({ output }) => output.includes('up'));
    const pid = runner.pid ?? 0;
    assert.equal(await runner.stop(), false);
    assert.deepEqual(descendantsOf(pid), []);
    assert.match(runner.output, /child/);

    const { runner: deaf } = await install(
      context,
      personality,
      { run: "trap '' TERM; echo up; while :; do sleep 0.05; done" },
      { stopTimeoutMs: 200 },
    );
    deaf.start();
    await deaf.until(({ output }) => output.includes('up'));
    assert.equal(await deaf.stop(), true);
    assert.equal(deaf.state, 'FINISHED');
  });
}

test('lite takes every opening brace for a recipe variable, classic only known ones', async (context) => {
  const script = 'who=me; echo "${who}"';
  const { runner } = await install(context, 'classic', { run: script });
  runner.start();
  await runner.until(({ state }) => state === 'FINISHED');
  assert.equal(runner.output, 'me\n');
  const { runner: lite } = await install(context, 'lite', { run: script });
  lite.start();
  await lite.until(({ state }) => state === 'BROKEN');
  assert.match(lite.output, /lite cannot replace \{who\}/);
});

test('recipes that one nucleus takes and the other does not', async (context) => {
  const { nucleus: lite } = await startNucleus(context, 'lite');
  const { nucleus: classic } = await startNucleus(context, 'classic');
  const long = recipe({ run: `echo ${'x'.repeat(8200)}` });
  const capital = recipe({ Run: 'true' });
  const withoutRuntime = recipe({ run: 'true' }).replace('"runtime":"*"', '"runtime":"aws_nucleus"');
  for (const text of [long, capital, withoutRuntime]) assert.ok(classic.install(text));
  assert.throws(() => lite.install(long), /lite takes 8196 B/);
  assert.throws(() => lite.install(withoutRuntime), /no manifest/);
  const runner = lite.install(capital);
  runner.start();
  assert.ok(!runner.exitCodes.length && runner.state !== 'RUNNING', 'lite sees no run');
});

test('startup: running when the script says so, over IPC or by ending', async (context) => {
  const { runner, nucleus } = await install(context, 'classic', {
    startup: 'echo up; sleep 60',
    shutdown: 'echo down',
  });
  runner.start();
  await runner.until(({ output }) => output.includes('up'));
  assert.equal(runner.state, 'STARTING');
  await nucleus.lifecycle.operations.UpdateState?.(
    { state: 'RUNNING' },
    { component: COMPONENT, send() {}, onEnd() {} },
  );
  assert.equal(runner.state, 'RUNNING');
  await runner.stop();
  assert.match(runner.output, /down/);
});

test("a restarted nucleus's old tokens are refused, and the component comes back with a new one", async (context) => {
  const program = join(import.meta.dirname, 'support/component.ts');
  for (const personality of PERSONALITIES) {
    const { runner, nucleus } = await install(context, personality, {
      run: `exec "${process.execPath}" "${program}"`,
    });
    runner.start();
    await runner.until(({ output }) => output.includes('connected'), 20_000);
    assert.deepEqual(nucleus.ipc.components, [COMPONENT]);
    await nucleus.restart();
    await runner.until(({ output }) => output.split('connected\n').length === 3, 20_000);
    assert.deepEqual(runner.exitCodes, [1]);
    assert.deepEqual(nucleus.ipc.components, [COMPONENT]);
    assert.equal(await runner.stop(), false);
    assert.deepEqual(runner.exitCodes, [1, 0]);
  }
});
