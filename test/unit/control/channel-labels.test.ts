import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelLabels, type ViewerChannel } from '../../../src/control/channel-labels.ts';
import { SILENT } from '../../../src/log.ts';

test('echoes that a viewer does not take are lost, and the log says so once', () => {
  const warnings: string[] = [];
  const log = { ...SILENT, warn: (_: object, message: string) => void warnings.push(message) };
  const labels = new ChannelLabels<undefined>({ handlers: {}, echoesOthers: () => true, log });
  const taken: unknown[] = [];
  const channel: ViewerChannel = {
    label: 'any',
    isReliable: true,
    bufferedBytes: 0,
    onMessage: () => {},
    onClose: () => {},
    send: (message) => taken.length < 1 && taken.push(message) > 0,
    close: () => {},
  };
  labels.serve(channel, undefined);
  channel.onMessage('one');
  assert.deepEqual([taken, warnings.length], [['one'], 0]);
  channel.onMessage('two');
  channel.onMessage('three');
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /an echo is lost/);
});
