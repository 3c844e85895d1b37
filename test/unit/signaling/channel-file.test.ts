import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemRandom } from '../../../src/runtime/random.ts';
import { ChannelFile } from '../../../src/signaling/channel-file.ts';

const CHANNEL = {
  channelArn: 'arn:aws:kinesisvideo:us-west-2:123456789012:channel/front/1',
  endpoints: { wss: 'wss://m-1.example', https: 'https://r-1.example', webrtc: 'https://w-1.example' },
  expiresAtMs: 5,
};
let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'channel-file-'));
});
after(() => rm(directory, { recursive: true }));

function file(...identity: string[]): ChannelFile {
  return new ChannelFile(directory, identity, systemRandom);
}

async function onlyFile(): Promise<string> {
  const names = await readdir(join(directory, 'channels'));
  assert.equal(names.length, 1, names.join());
  return join(directory, 'channels', names[0] ?? '');
}

test('what was stored is there for the next start; another region or name is another channel', async () => {
  assert.equal(await file('us-west-2', '', 'front').load(), undefined);
  await file('us-west-2', '', 'front').store(CHANNEL);
  assert.deepEqual(await file('us-west-2', '', 'front').load(), CHANNEL);
  assert.equal(await file('eu-west-1', '', 'front').load(), undefined);
  assert.equal(await file('us-west-2', '', 'back').load(), undefined);
});

test('a cut-off, foreign or hostile file is as none', async () => {
  const path = await onlyFile();
  const whole = await readFile(path, 'utf8');
  const contents = [
    whole.slice(0, whole.length / 2),
    '',
    'null',
    '[]',
    JSON.stringify({ ...CHANNEL, channelArn: 'x' }),
    JSON.stringify({ ...CHANNEL, expiresAtMs: '5' }),
    JSON.stringify({ ...CHANNEL, endpoints: { ...CHANNEL.endpoints, wss: 'file:///etc/passwd' } }),
    JSON.stringify({ ...CHANNEL, endpoints: { ...CHANNEL.endpoints, https: 'not a url' } }),
  ];
  for (const content of contents) {
    await writeFile(path, content);
    assert.equal(await file('us-west-2', '', 'front').load(), undefined, content);
  }
});

test('writers at the same time leave one whole file and nothing else', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `wss://m-${i}.example`);
  await Promise.all(
    names.map((wss) =>
      file('us-west-2', '', 'front').store({ ...CHANNEL, endpoints: { ...CHANNEL.endpoints, wss } }),
    ),
  );
  await onlyFile();
  const loaded = await file('us-west-2', '', 'front').load();
  assert.ok(names.includes(loaded?.endpoints.wss ?? ''));
  await file('us-west-2', '', 'front').remove();
  assert.equal(await file('us-west-2', '', 'front').load(), undefined);
});
