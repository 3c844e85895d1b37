import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Layer } from '../../../src/config/layers.ts';
import { applyDesired } from '../../../src/config/desired-state.ts';
import { DesiredConfig } from '../../../src/iot/desired-config.ts';
import { LastGoodFile } from '../../../src/iot/last-good.ts';
import type { Log } from '../../../src/log.ts';

const directory = mkdtempSync(join(tmpdir(), 'last-good-'));
after(() => rmSync(directory, { recursive: true }));

const ignore = () => undefined;

/** Keeps what is said as a warning. */
function listeningLog(): Log & { warnings: string[] } {
  const warnings: string[] = [];
  const log: Log & { warnings: string[] } = {
    warnings,
    debug: ignore,
    info: ignore,
    warn: (_, message) => void warnings.push(message),
    error: ignore,
    child: () => log,
  };
  return log;
}

const LOCAL: Layer[] = [
  { name: 'file', values: { aws: { region: 'us-west-2' }, device: { thingName: 'thing' } } },
];
const DOCUMENT = {
  version: 12,
  desired: { log: { level: 'debug' }, cameras: { a: { source: { type: 'test' } } } },
};

test('what was stored is loaded, as often as it is stored, in a folder that was not there', async () => {
  const log = listeningLog();
  const file = new LastGoodFile(join(directory, 'not', 'there'), 'kvs-webrtc', log);
  assert.equal(await file.load(), undefined);
  for (const version of [1, 2]) await file.store({ ...DOCUMENT, version });
  assert.deepEqual(await file.load(), { ...DOCUMENT, version: 2 });
  assert.deepEqual(log.warnings, []);
});

test('the agent boots with it, no cloud asked; where it does not fit any more, without it', async () => {
  const log = listeningLog();
  const lastGood = new LastGoodFile(directory, 'boot', log);
  const start = (local = LOCAL) => {
    const options = { local, lastGood, log, report: () => undefined, apply: async () => undefined };
    return new DesiredConfig(options);
  };
  const first = start();
  await first.start();
  first.offer(DOCUMENT);
  await first.settled();
  const outcome = applyDesired(LOCAL, DOCUMENT.desired);
  assert.ok(outcome.accepted);
  assert.deepEqual(await start().start(), outcome.config);
  assert.deepEqual(log.warnings, []);

  const [base] = LOCAL;
  const changed = [{ name: 'file', values: { ...base?.values, device: { thingName: '' } } }];
  assert.deepEqual((await start(changed).start()).cameras, {});
  assert.deepEqual(log.warnings, ['the last good configuration does not fit any more']);
});

test('a broken file is ignored with one line in the log, and replaced', async () => {
  const file = new LastGoodFile(directory, 'broken', listeningLog());
  await file.store(DOCUMENT);
  const good = readFileSync(file.path, 'utf8');
  const broken = [
    '',
    '{',
    'null',
    '[]',
    '{}',
    '\u0000'.repeat(100),
    good.slice(0, -5),
    good.replace('debug', 'error'),
  ];
  broken.push(
    good.replace('12', '13'),
    good.replace('"desired"', '"wanted"'),
    good.replace(/"sha256":"."/, '$&f'),
  );
  for (const content of broken.filter((text) => text !== good)) {
    const log = listeningLog();
    writeFileSync(file.path, content);
    assert.equal(await new LastGoodFile(directory, 'broken', log).load(), undefined, content);
    assert.deepEqual(log.warnings, ['the last good configuration is ignored']);
  }
  await file.store(DOCUMENT);
  assert.deepEqual(await file.load(), DOCUMENT);
});

test('a state folder that cannot be written costs a warning, not the configuration', async () => {
  const log = listeningLog();
  writeFileSync(join(directory, 'a-file'), '');
  const lastGood = new LastGoodFile(join(directory, 'a-file'), 'kvs-webrtc', log);
  let applied = 0;
  const config = new DesiredConfig({
    local: LOCAL,
    lastGood,
    log,
    report: () => undefined,
    apply: async () => void (applied += 1),
  });
  await config.start();
  config.offer(DOCUMENT);
  await config.settled();
  assert.equal(applied, 1);
  assert.ok(log.warnings.includes('the last good configuration could not be kept'));
});

test('what a full disk did not take is kept when the shadow tells it again', async () => {
  const blocked = join(directory, 'blocked');
  writeFileSync(blocked, 'no folder');
  const log = listeningLog();
  const lastGood = new LastGoodFile(blocked, 'kvs-webrtc', log);
  let applied = 0;
  const apply = async () => void (applied += 1);
  const config = new DesiredConfig({ local: LOCAL, apply, report: ignore, lastGood, log });
  await config.start();
  config.offer(DOCUMENT);
  await config.settled();
  assert.ok(log.warnings.includes('the last good configuration could not be kept'));
  rmSync(blocked);
  config.offer(DOCUMENT);
  await config.settled();
  assert.deepEqual(await lastGood.load(), DOCUMENT);
  config.offer(DOCUMENT);
  await config.settled();
  assert.equal(applied, 1);
});
