import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { HostNames } from '../../../src/runtime/host-names.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const LOOPBACK: LookupAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];

/** A name service that answers when it is told to. */
function setUp() {
  const clock = new SimulatedClock();
  const asked: string[] = [];
  const waiting: PromiseWithResolvers<LookupAddress[]>[] = [];
  const device = { network: new AbortController().signal };
  const names = new HostNames(
    clock,
    () => device.network,
    (host) => {
      asked.push(host);
      const question = Promise.withResolvers<LookupAddress[]>();
      waiting.push(question);
      return question.promise;
    },
  );
  return { clock, names, asked, waiting, device };
}

describe('names of hosts', () => {
  test('however many ask while the name service is silent, it is asked once a name; its answer serves all for a minute', async () => {
    const { clock, names, asked, waiting } = setUp();
    const all = ['turn', 'stun', 'turn', 'turn'].map((host) => names.addresses(host));
    assert.deepEqual(asked, ['turn', 'stun']);
    for (const { resolve } of waiting) resolve(LOOPBACK);
    for (const each of all) assert.equal(await each, LOOPBACK);
    clock.advance(59_000);
    assert.equal(await names.addresses('turn'), LOOPBACK);
    assert.equal(asked.length, 2);
    clock.advance(1_000);
    void names.addresses('turn');
    assert.deepEqual(asked, ['turn', 'stun', 'turn']);
  });

  test('a failure is told to all that asked, and not kept', async () => {
    const { names, asked, waiting } = setUp();
    const both = [names.addresses('turn'), names.addresses('turn')];
    waiting[0]?.reject(new Error('no such name'));
    for (const each of both) await assert.rejects(each, /no such name/);
    void names.addresses('turn');
    assert.equal(asked.length, 2);
  });

  test('another network is asked anew: neither an answer of the former nor a question to it holds that up', async () => {
    const { clock, names, asked, waiting, device } = setUp();
    const former = names.addresses('turn');
    device.network = new AbortController().signal;
    const latter = names.addresses('turn');
    assert.equal(asked.length, 2);
    const [first, second] = waiting;
    second?.resolve(LOOPBACK);
    assert.equal(await latter, LOOPBACK);
    first?.reject(new Error('given up'));
    await assert.rejects(former, /given up/);
    clock.advance(30_000);
    assert.equal(await names.addresses('turn'), LOOPBACK);
    assert.equal(asked.length, 2);
  });

  test('sockets connect by name, of either family', async (t) => {
    const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const { names, waiting } = setUp();
    for (const family of [0, 4]) {
      const socket = connect({ host: 'device.example', port: address.port, family, lookup: names.lookup });
      waiting[0]?.resolve(LOOPBACK);
      await once(socket, 'connect');
      socket.destroy();
    }
    const socket = connect({ host: 'none.example', port: address.port, lookup: names.lookup });
    waiting[1]?.reject(new Error('no such name'));
    await assert.rejects(once(socket, 'connect'), /no such name/);
  });
});
