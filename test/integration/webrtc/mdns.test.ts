import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, test, type TestContext } from 'node:test';
import { systemClock } from '../../../src/runtime/clock.ts';
import { MdnsResolver } from '../../../src/webrtc/ice/mdns.ts';
import { settled } from './support/churn.ts';

const GROUP = '224.0.0.251';
const PORT = 5353;
const NAME = 'b1f1a5a6-0d5e-4d6c-9e3a-0c6f2f1f7a11.local';
const ANSWER_A = Buffer.from('00010001000000780004c0000205', 'hex');

/** Like Chrome's: it takes queries with one question only, and answers to all. */
async function startResponder(t: TestContext): Promise<{ asked: string[] }> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  t.after(() => socket.close());
  socket.bind(PORT);
  await once(socket, 'listening');
  socket.addMembership(GROUP, '127.0.0.1');
  socket.setMulticastInterface('127.0.0.1');
  const asked: string[] = [];
  const question = Buffer.concat(
    NAME.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]),
  );
  socket.on('message', (message) => {
    const isQuery = (message.readUInt8(2) & 0x80) === 0 && message.includes(question);
    if (!isQuery || message.readUInt16BE(4) !== 1) return;
    const type = message.readUInt16BE(message.length - 4);
    asked.push(type === 1 ? 'A' : 'AAAA');
    if (type !== 1) return;
    const header = Buffer.from('000084000000000100000000', 'hex');
    socket.send(Buffer.concat([header, question, Buffer.from([0]), ANSWER_A]), PORT, GROUP);
  });
  return { asked };
}

describe('names of browsers', () => {
  test('one question a query; what was answered is not asked again', async (t) => {
    const responder = await startResponder(t);
    const resolver = new MdnsResolver(systemClock);
    assert.equal(await resolver.resolve(NAME), '192.0.2.5');
    assert.ok(responder.asked.includes('A'));
    const before = responder.asked.length;
    assert.equal(await resolver.resolve(NAME), '192.0.2.5');
    assert.equal(responder.asked.length, before);
  });

  test('a name that nobody has is given up, and the socket closed', async () => {
    // 3 s pass in 0.3.
    const hasty = {
      ...systemClock,
      after: (delayMs: number, callback: () => void) => systemClock.after(delayMs / 10, callback),
    };
    const resolver = new MdnsResolver(hasty);
    const [first, second] = await Promise.all([
      resolver.resolve('00000000-0000-4000-8000-000000000000.local'),
      resolver.resolve('00000000-0000-4000-8000-000000000000.local'),
    ]);
    assert.deepEqual([first, second], [undefined, undefined]);
    await settled('UDPWrap', 0);
  });
});
