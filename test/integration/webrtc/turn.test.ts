import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { systemClock, type Clock } from '../../../src/runtime/clock.ts';
import { HostNames } from '../../../src/runtime/host-names.ts';
import { STUN_TYPE } from '../../../src/webrtc/ice/stun.ts';
import type { IceServer } from '../../../src/webrtc/secure-transport.ts';
import { startLocalCloud, type LocalCloud } from '../../cloud/local-cloud.ts';
import { patientClock } from '../../support/patient-clock.ts';
import { connectEnds, exchangePackets, IceEnd, type EndOptions } from './support/ice-end.ts';
import { startTunnelProxy, type TunnelProxy } from './support/tunnel-proxy.ts';
import { UdpTap } from './support/udp-tap.ts';

/** After so long the next server is asked, too. */
const NEXT_SERVER_MS = 250;
/** For what would wait for ever. */
const WAITING = { timeout: 20_000 };

type Way = 'udp' | 'tcp' | 'tls';

describe('relays', () => {
  let cloud: LocalCloud;
  const ends: IceEnd[] = [];
  before(async () => {
    cloud = await startLocalCloud({ turn: true });
    cloud.trust();
  });
  after(() => cloud.close());
  afterEach(() => {
    for (const { agent } of ends.splice(0)) agent.close();
  });

  function createEnd(options?: EndOptions): IceEnd {
    const end = new IceEnd(options);
    ends.push(end);
    return end;
  }

  function server(way: Way, { port, credential }: { port?: number; credential?: string } = {}): IceServer {
    const [first] = cloud.turn.iceServers(300);
    assert.ok(first);
    const { tlsPort } = cloud.turn;
    const url =
      way === 'tls'
        ? `turns:127.0.0.1:${port ?? tlsPort}?transport=tcp`
        : `turn:127.0.0.1:${port ?? cloud.turn.port}?transport=${way}`;
    return { urls: [url], username: first.Username, credential: credential ?? first.Password };
  }

  async function connectThrough(relay: IceEnd, servers: readonly IceServer[]): Promise<IceEnd> {
    const viewer = createEnd();
    await viewer.agent.gatherHost();
    await relay.agent.gatherHost();
    await relay.relayed(servers);
    await connectEnds(relay, viewer);
    return viewer;
  }

  for (const way of ['udp', 'tcp', 'tls'] as const)
    test(`over ${way}: connected, packets both ways`, async () => {
      const device = createEnd({ transportPolicy: 'relay' });
      const viewer = await connectThrough(device, [server(way)]);
      assert.equal(device.candidates.length, 1);
      assert.equal(device.agent.selected?.base.candidate.type, 'relay');
      await exchangePackets(device, viewer, 200);
    });

  for (const way of ['tcp', 'tls'] as const)
    test(`over ${way} through an HTTP proxy that wants a password`, async (t) => {
      const proxy = await startTunnelProxy({ user: 'agent', password: 'p@ss' });
      t.after(() => proxy.close());
      const device = createEnd({ transportPolicy: 'relay', proxy: proxy.url });
      const viewer = await connectThrough(device, [server(way)]);
      await exchangePackets(device, viewer, 50);
      assert.equal(proxy.tunnels, 1);
    });

  test('a proxy that refuses means no relay, and no password in the error', async (t) => {
    const proxy: TunnelProxy = await startTunnelProxy({ user: 'agent', password: 'right' });
    t.after(() => proxy.close());
    const device = createEnd({ proxy: proxy.url.replace('right', 'wrong') });
    await assert.rejects(device.relayed([server('tls')]), /no relay/);
  });

  test(
    'servers that do not answer, by UDP and by TCP, hold up the next for a quarter of a second each',
    WAITING,
    async (t) => {
      const silentUdp = createSocket('udp4').bind(0, '127.0.0.1');
      const sockets: Socket[] = [];
      const silentTcp = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
      await Promise.all([once(silentUdp, 'listening'), once(silentTcp, 'listening')]);
      t.after(() => {
        silentUdp.close();
        silentTcp.close();
        for (const socket of sockets) socket.destroy();
      });
      const address = silentTcp.address();
      assert.ok(address && typeof address === 'object');
      const device = createEnd({ clock: patientClock(NEXT_SERVER_MS + 1) });
      await device.relayed([
        server('udp', { port: silentUdp.address().port }),
        server('tls', { port: address.port }),
        server('udp'),
      ]);
    },
  );

  test('a server that refuses is left at once, whatever is listed behind it is used', WAITING, async () => {
    const device = createEnd({ clock: patientClock(NEXT_SERVER_MS) });
    await device.relayed([server('udp', { credential: 'wrong' }), server('udp', { port: 1 }), server('udp')]);
  });

  test(
    'a name service that is silent is asked once a name; a search that is given up ends',
    WAITING,
    async () => {
      const asked: string[] = [];
      const { promise: allAsked, resolve } = Promise.withResolvers<void>();
      const names = new HostNames(systemClock, undefined, (host) => {
        if (asked.push(host) >= 3) resolve();
        return new Promise(() => {});
      });
      const urls = ['turn:a.example?transport=udp', 'turns:a.example?transport=tcp', 'turn:b.example'];
      const viewers = Array.from({ length: 4 }, () => createEnd({ names, clock: fasterClock(10) }));
      const searches = viewers.map(async ({ agent }) => {
        await agent.gatherHost();
        await agent.gatherServers([{ urls }, { urls: ['stun:c.example'] }]);
      });
      await allAsked;
      for (const { agent } of viewers) agent.close();
      await Promise.all(searches);
      assert.deepEqual(asked.toSorted(), ['a.example', 'b.example', 'c.example']);
    },
  );

  test('wrong credentials alone: no relay, and the search ends', async () => {
    await assert.rejects(createEnd().relayed([server('udp', { credential: 'wrong' })]), /no relay/);
  });

  test('a search that found one does not ask the others', WAITING, async (t) => {
    const tap = await UdpTap.open(cloud.turn.port);
    t.after(() => tap.close());
    const device = createEnd({ clock: patientClock(NEXT_SERVER_MS) });
    await device.agent.gatherServers([server('udp'), server('udp', { port: tap.port })]);
    assert.equal(tap.types.length, 0);
  });

  test('allocation, permissions and channel are renewed in time, and given back at the end', async (t) => {
    const tap = await UdpTap.open(cloud.turn.port);
    t.after(() => tap.close());
    // 300 s pass in 3.
    const device = createEnd({ transportPolicy: 'relay', clock: fasterClock(100) });
    const viewer = await connectThrough(device, [server('udp', { port: tap.port })]);
    const first = new Map(ALL.map((type) => [type, tap.count(type)]));
    const renewed = () => ALL.every((type) => tap.count(type) > (first.get(type) ?? 0));
    await waitUntil(renewed, 5_000);
    await exchangePackets(device, viewer, 20);
    assert.ok(tap.channelData >= 20, 'packets travel in channels');
    const refreshes = tap.count(STUN_TYPE.refreshRequest);
    device.agent.close();
    await waitUntil(() => tap.count(STUN_TYPE.refreshRequest) > refreshes, 1_000);
  });

  test('a relay whose connection ends is noticed', async (t) => {
    const proxy = await startTunnelProxy({ user: 'agent', password: 'right' });
    t.after(() => proxy.close());
    const device = createEnd({ transportPolicy: 'relay', proxy: proxy.url });
    await device.relayed([server('tcp')]);
    proxy.cut();
    await device.networkChanged();
    assert.deepEqual(device.agent.candidates(), []);
    device.candidates.length = 0;
    await device.relayed([server('tcp')]);
  });
});

const ALL = [STUN_TYPE.refreshRequest, STUN_TYPE.createPermissionRequest, STUN_TYPE.channelBindRequest];

/** Timers of minutes run in seconds; those of less than 20 s, which wait for answers, as they are. */
function fasterClock(factor: number): Clock {
  const scaled = (delayMs: number) => (delayMs < 20_000 ? delayMs : delayMs / factor);
  return {
    ...systemClock,
    after: (delayMs, callback) => systemClock.after(scaled(delayMs), callback),
    every: (intervalMs, callback) => systemClock.every(scaled(intervalMs), callback),
  };
}

/** Looks again whenever the event loop has turned. */
async function waitUntil(condition: () => boolean, timeoutMs: number): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${timeoutMs} ms`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
