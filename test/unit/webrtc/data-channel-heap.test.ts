import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ChannelPair, RELIABLE } from '../../support/channel-pair.ts';

const ROUNDS = 500;
/** A channel that is left behind is 1,300. */
const MAX_BYTES_A_CHANNEL = 50;
/** Not where the engine keeps code: what it compiles and forgets meanwhile is 1,200 bytes a channel, up or down. */
const DATA_SPACES = new Set(['new_space', 'old_space', 'new_large_object_space', 'large_object_space']);

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

function heapBytes(): number {
  collect();
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => DATA_SPACES.has(name));
  return spaces.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
}

test('of a thousand channels opened, used and closed, the last 500 leave nothing in memory', (t) => {
  const pair = new ChannelPair({ loss: 0.02 });
  let closed = 0;
  const openAndClose = (i: number) => {
    const opener = i % 2 === 0 ? pair.viewer : pair.device;
    const channel = opener.create({ label: `channel ${i}`, ...RELIABLE });
    pair.onChannel = (other) => {
      other.onClose = () => (closed += 1);
      other.send('hello');
    };
    channel.onMessage = () => channel.close();
    channel.onClose = () => (closed += 1);
    pair.until(() => closed === 2 * (i + 1));
    pair.atDevice.length = 0;
    pair.atViewer.length = 0;
  };
  for (let i = 0; i < ROUNDS; i += 1) openAndClose(i);
  const before = heapBytes();
  for (let i = ROUNDS; i < 2 * ROUNDS; i += 1) openAndClose(i);
  const bytes = (heapBytes() - before) / ROUNDS;
  t.diagnostic(`${bytes.toFixed(1)} bytes a channel`);
  assert.ok(bytes < MAX_BYTES_A_CHANNEL, `${bytes} bytes a channel`);
});
