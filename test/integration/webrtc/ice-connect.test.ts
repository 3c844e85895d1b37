import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, test } from 'node:test';
import { systemClock, type Clock } from '../../../src/runtime/clock.ts';
import { checkRequest } from '../../../src/webrtc/ice/binding.ts';
import { parseCandidate } from '../../../src/webrtc/ice/candidate.ts';
import { isSuccess, newTransactionId, parseStun } from '../../../src/webrtc/ice/stun.ts';
import { IceEnd } from './support/ice-end.ts';

/** Timers of 15 s and more run fifty times as fast. */
const hastyClock: Clock = {
  ...systemClock,
  after: (delayMs, callback) => systemClock.after(delayMs < 15_000 ? delayMs : delayMs / 50, callback),
};
function lines(transport: string, usernameFragment: string): string[] {
  const line = (port: number) =>
    `candidate:1 1 ${transport} 1 192.0.2.1 ${port} typ host ufrag ${usernameFragment}`;
  return Array.from({ length: 10_000 }, (_, i) => line(1 + i));
}

const STRANGER = { usernameFragment: 'somebody', password: 'somebody-somebody-somebody' };

describe('viewers that do not become reachable', () => {
  const ends: IceEnd[] = [];
  afterEach(() => {
    for (const { agent } of ends.splice(0)) agent.close();
  });

  async function createDevice(): Promise<IceEnd> {
    const device = new IceEnd({ clock: hastyClock });
    ends.push(device);
    await device.agent.gatherHost();
    return device;
  }

  test('silent ones are given up after 15 s', async () => {
    const { agent } = await createDevice();
    await assert.rejects(agent.connect(STRANGER, false), /nothing was heard of the viewer within 15 s/);
    assert.equal(agent.heard, false);
  });

  test('one that asks and never answers is given up after 30 s', async (t) => {
    const { agent } = await createDevice();
    const [host] = agent.candidates().flatMap((line) => parseCandidate(line) ?? []);
    assert.ok(host);
    const outcome = assert.rejects(agent.connect(STRANGER, false), /no candidate pair worked within 30 s/);
    const socket = createSocket(host.address.includes(':') ? 'udp6' : 'udp4');
    t.after(() => socket.close());
    const role = { controlling: true, tieBreaker: Buffer.alloc(8, 1) };
    const request = checkRequest(newTransactionId(), STRANGER, agent.parameters, host, role, true);
    socket.send(request, host.port, host.address);
    for (;;) {
      const [datagram]: unknown[] = await once(socket, 'message');
      const message = datagram instanceof Buffer ? parseStun(datagram) : undefined;
      if (message && isSuccess(message)) break;
    }
    assert.equal(agent.heard, true);
    await outcome;
    assert.equal(agent.selected, undefined);
  });

  test('closed in the midst of it, it rejects at once', async () => {
    const { agent } = await createDevice();
    const outcome = assert.rejects(agent.connect(STRANGER, false), /closed while connecting/);
    agent.close();
    await outcome;
  });

  test('a flood of candidates is cut off; those over TCP are passed over', async () => {
    const { agent } = await createDevice();
    const outcome = assert.rejects(agent.connect(STRANGER, false));
    const taken = (all: string[]) => all.filter((line) => agent.addRemoteCandidate(line)).length;
    assert.equal(taken(lines('tcp', STRANGER.usernameFragment)), 10_000);
    assert.equal(taken(lines('udp', STRANGER.usernameFragment)), 64);
    // Of a restart that may come.
    assert.equal(taken(lines('udp', 'later')), 32);
    agent.close();
    await outcome;
  });
});
