import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelLabels } from '../../../src/control/channel-labels.ts';
import { SILENT } from '../../../src/log.ts';
import { ChannelPair, RELIABLE } from '../../support/channel-pair.ts';

const MESSAGES = 30;

test('echoes that a viewer does not take in time are lost, and the log says so once', () => {
  const warnings: string[] = [];
  const log = { ...SILENT, warn: (_: object, message: string) => void warnings.push(message) };
  const pair = new ChannelPair({ latencyMs: 100 });
  const labels = new ChannelLabels<undefined>({ handlers: {}, echoesOthers: () => true, log });
  pair.onChannel = (channel) => labels.serve(channel, undefined);
  const channel = pair.viewer.create({ label: 'any', ...RELIABLE });
  let echoes = 0;
  channel.onMessage = () => (echoes += 1);
  pair.until(() => pair.atDevice.length === 1);

  channel.send(Buffer.alloc(200_000));
  pair.until(() => echoes === 1);
  assert.deepEqual(warnings, []);

  // Our sending begins slowly each time, the viewer's is in full swing: what is to be sent back piles up.
  let sent = 0;
  channel.onDrain = () => {
    while (sent < MESSAGES && channel.send(Buffer.alloc(200_000))) sent += 1;
  };
  channel.onDrain();
  pair.until(() => sent === MESSAGES && channel.bufferedBytes === 0);
  pair.clock.advance(10_000);
  assert.ok(echoes < 1 + MESSAGES);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /an echo is lost/);
});
