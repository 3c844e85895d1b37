import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, '../../../src/main.ts');
let cloud: LocalCloud;
let configPath = '';
before(async () => {
  cloud = await startLocalCloud();
  cloud.createChannel('recorded');
  const device = await cloud.createDevice('device');
  configPath = join(cloud.directory, 'agent.json');
  const camera = { channelName: 'recorded', source: { type: 'test' }, storage: { enabled: true } };
  const other = { channelName: 'other', source: { type: 'test' } };
  writeFileSync(
    configPath,
    JSON.stringify(cloud.agentConfig(device, { cameras: { front: camera, back: other } })),
  );
});
after(() => cloud.close());

async function setup(...args: string[]): Promise<string> {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, ...cloud.agentEnvironment() };
  const command = [MAIN, 'setup-storage', '--config', configPath, ...args];
  const { stdout } = await run(process.execPath, command, { env });
  return stdout;
}

test('setup-storage shows what it will do, does it when told to, and only once', async () => {
  const shown = await setup('--retention-hours', '48');
  assert.match(shown, /recorded: create the stream recorded, kept for 48 h/);
  assert.match(shown, /recorded: link the stream recorded to the channel/);
  assert.match(shown, /Nothing was changed/);
  assert.doesNotMatch(shown, /other/);
  assert.equal(cloud.events.requests('CreateStream'), 0);

  await setup('--retention-hours', '48', '--yes');
  const stream = cloud.context.streams.find({ name: 'recorded', arn: '' });
  assert.equal(stream?.retentionHours, 48);
  assert.equal(cloud.context.channels.byName('recorded')?.storageStreamArn, stream?.arn);

  assert.match(await setup('--yes'), /recorded: is set up/);
  assert.deepEqual(
    [cloud.events.requests('CreateStream'), cloud.events.requests('UpdateMediaStorageConfiguration')],
    [1, 1],
  );
});

test('a channel whose stream was deleted gets another', async () => {
  const channel = cloud.context.channels.byName('recorded');
  assert.ok(channel);
  channel.storageStreamArn = 'arn:aws:kinesisvideo:us-west-2:123456789012:stream/deleted/1';
  assert.match(await setup('--yes'), /link the stream .* to the channel/);
  const stream = cloud.context.streams.find({ name: 'recorded', arn: '' });
  assert.equal(channel.storageStreamArn, stream?.arn);
});

test('a linked stream that keeps nothing gets its retention', async () => {
  const stream = cloud.context.streams.find({ name: 'recorded', arn: '' });
  assert.ok(stream);
  stream.retentionHours = 0;
  assert.match(await setup('--yes'), /keep what is in the stream .* for 24 h/);
  assert.equal(stream.retentionHours, 24);
});
