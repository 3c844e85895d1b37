import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { STUN_TYPE } from '../../../src/webrtc/ice/stun.ts';
import { TurnAllocation } from '../../../src/webrtc/ice/turn-allocation.ts';
import { TurnError } from '../../../src/webrtc/ice/turn-requests.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { MAPPED, RELAYED, StubTurnServer } from './support/stub-turn-server.ts';

const PASSWORD = 'secret';
const CREDENTIALS = { username: 'device', password: PASSWORD };
const PEER = { address: '192.0.2.77', port: 5_000 };
const never = new AbortController().signal;

/** Lets answers that are under way arrive. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function allocated(server = new StubTurnServer(PASSWORD)): Promise<{
  server: StubTurnServer;
  clock: SimulatedClock;
  allocation: TurnAllocation;
  lost: () => number;
}> {
  const clock = new SimulatedClock();
  const allocation = await TurnAllocation.create(server, CREDENTIALS, clock, never);
  let losses = 0;
  allocation.listen({ onDatagram: () => {}, onLost: () => (losses += 1) });
  return { server, clock, allocation, lost: () => losses };
}

const codeOf = (code: number) => (error: unknown) => error instanceof TurnError && error.code === code;

describe('an allocation', () => {
  test('is granted after the challenge; its candidate names both addresses', async () => {
    const { allocation, server } = await allocated();
    const { type, address, port, related } = allocation.candidate;
    assert.deepEqual({ type, address, port, related }, { type: 'relay', ...RELAYED, related: MAPPED });
    assert.equal(server.count(STUN_TYPE.allocateRequest), 1);
    allocation.close();
    assert.ok(server.closed);
  });

  test('a request that is lost is repeated soon; a server that stays silent is given up', async () => {
    const clock = new SimulatedClock();
    const server = new StubTurnServer(PASSWORD);
    server.arrives = () => server.arrivals > 2;
    const work = TurnAllocation.create(server, CREDENTIALS, clock, never);
    clock.advance(600);
    (await work).close();

    const silent = new StubTurnServer(PASSWORD);
    silent.arrives = () => false;
    const rejected = assert.rejects(
      TurnAllocation.create(silent, CREDENTIALS, clock, never),
      /does not answer/,
    );
    clock.advance(10_000);
    await rejected;
    assert.ok(silent.arrivals >= 4 && silent.closed);
  });

  test('a nonce that has become too old is replaced', async () => {
    const { allocation, server, clock } = await allocated();
    server.nonce = 'second';
    clock.advance(300_000);
    await settled();
    assert.equal(server.count(STUN_TYPE.refreshRequest), 1);
    allocation.close();
  });

  test('wrong credentials and a full server are told apart by their code', async () => {
    const wrong = { ...CREDENTIALS, password: 'wrong' };
    const clock = new SimulatedClock();
    const server = new StubTurnServer(PASSWORD);
    await assert.rejects(TurnAllocation.create(server, wrong, clock, never), codeOf(401));
    server.refuses = () => 486;
    await assert.rejects(TurnAllocation.create(server, CREDENTIALS, clock, never), codeOf(486));
  });

  test('answers that the server did not sign are not believed', async () => {
    const { server, clock, lost } = await allocated();
    server.signsWith = 'another password';
    for (let i = 0; i < 50; i += 1) {
      clock.advance(15_000);
      await settled();
    }
    assert.ok(server.count(STUN_TYPE.refreshRequest) > 5);
    assert.equal(lost(), 1);
  });

  test('refreshed at half of its life for as long as it is used; lost when the server refuses', async () => {
    const { allocation, server, clock, lost } = await allocated();
    for (let i = 1; i <= 3; i += 1) {
      clock.advance(300_000);
      await settled();
      assert.equal(server.count(STUN_TYPE.refreshRequest), i);
    }
    assert.equal(lost(), 0);
    server.refuses = ({ type }) => (type === STUN_TYPE.refreshRequest ? 437 : undefined);
    clock.advance(300_000);
    await settled();
    assert.equal(lost(), 1);
    assert.ok(server.closed);
    allocation.close();
    assert.equal(lost(), 1);
  });

  test('permissions are renewed before their 300 s and channels before their 600 s are over', async () => {
    const { allocation, server, clock } = await allocated();
    await allocation.permit(PEER.address);
    allocation.prefer(PEER.port, PEER.address);
    await settled();
    for (let minutes = 0; minutes < 11; minutes += 1) {
      clock.advance(60_000);
      await settled();
    }
    assert.ok(server.count(STUN_TYPE.createPermissionRequest) >= 1 + 5);
    assert.ok(server.count(STUN_TYPE.channelBindRequest) >= 1 + 2);
    allocation.close();
  });

  test('what is sent goes as an indication, and in the channel once that is bound', async () => {
    const { allocation, server } = await allocated();
    const packet = Buffer.from('a packet');
    allocation.send(packet, PEER.port, PEER.address);
    assert.equal(server.carried.length, 0);
    allocation.prefer(PEER.port, PEER.address);
    await settled();
    allocation.send(packet, PEER.port, PEER.address);
    const [frame] = server.carried;
    assert.equal(frame?.readUInt16BE(0), 0x4000);
    assert.deepEqual(frame?.subarray(4, 4 + frame.readUInt16BE(2)), packet);
    allocation.close();
  });

  test('a peer that is preferred again after another is bound anew: its channel may have run out', async () => {
    const { allocation, server } = await allocated();
    for (const port of [PEER.port, PEER.port + 1, PEER.port, PEER.port]) {
      allocation.prefer(port, PEER.address);
      await settled();
    }
    assert.equal(server.count(STUN_TYPE.channelBindRequest), 3);
    allocation.close();
  });

  test('a peer that the relay refuses is known, and may be asked for again', async () => {
    const { allocation, server } = await allocated();
    server.refuses = ({ type }) => (type === STUN_TYPE.createPermissionRequest ? 403 : undefined);
    await assert.rejects(allocation.permit(PEER.address), /error 403/);
    server.refuses = () => undefined;
    await settled();
    await allocation.permit(PEER.address);
    allocation.close();
  });
});
