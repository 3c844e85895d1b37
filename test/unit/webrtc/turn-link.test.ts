import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../src/runtime/clock.ts';
import { HostNames } from '../../../src/runtime/host-names.ts';
import { openStreamLink } from '../../../src/webrtc/ice/turn-link.ts';

test(
  'a server that reads nothing and goes on sending does not hold a connection that is closed',
  { timeout: 4_000 },
  async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
    const { lookup } = new HostNames(systemClock);
    const target = { host: '127.0.0.1', port: address.port, tls: false, proxy: undefined, lookup };
    const link = await openStreamLink(target, new AbortController().signal, systemClock);
    const peer = (await connected).on('error', () => {}).pause();
    const closed = new Promise((resolve) => peer.once('close', resolve));
    const sending = setInterval(() => peer.write(Buffer.alloc(20)), 50);
    try {
      while (link.send(Buffer.alloc(16_384)));
      link.close();
      await closed;
    } finally {
      clearInterval(sending);
      peer.destroy();
      server.close();
    }
  },
);
