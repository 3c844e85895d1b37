import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { systemClock } from '../../../src/runtime/clock.ts';
import {
  certificateFingerprint,
  DtlsAssociation,
  prepareCertificate,
  type DtlsCertificate,
} from '../../../src/webrtc/werift/dtls.ts';

/** Decides the fate of the n-th datagram from one end: how often it arrives. */
type Fate = (datagram: Buffer, index: number) => number;

interface Ends {
  server: DtlsAssociation;
  client: DtlsAssociation;
  closed: { server: boolean; client: boolean };
  sent: { server: Buffer[]; client: Buffer[] };
}

const twice: Fate = () => 2;
const random: Fate = () => [0, 1, 1, 1, 2][Math.floor(Math.random() * 5)] ?? 1;

describe('the DTLS handshake', () => {
  let device: DtlsCertificate;
  let viewer: DtlsCertificate;
  before(async () => {
    [device, viewer] = await Promise.all([prepareCertificate(), prepareCertificate()]);
  });

  function connect(toClient: Fate = () => 1, toServer: Fate = () => 1): Ends {
    const sent: Ends['sent'] = { server: [], client: [] };
    const closed = { server: false, client: false };
    const path = (log: Buffer[], fate: Fate, to: () => DtlsAssociation) => (datagram: Buffer) => {
      log.push(datagram);
      // Asynchronous, as a network is.
      for (let copies = fate(datagram, log.length - 1); copies > 0; copies -= 1)
        setImmediate(() => to().receive(Buffer.from(datagram)));
    };
    const ends: Ends = {
      server: new DtlsAssociation(
        device,
        path(sent.server, toClient, () => ends.client),
        () => (closed.server = true),
      ),
      client: new DtlsAssociation(
        viewer,
        path(sent.client, toServer, () => ends.server),
        () => (closed.client = true),
      ),
      closed,
      sent,
    };
    return ends;
  }

  async function keysOf({ server, client }: Ends) {
    const keys = await Promise.all([
      server.handshake('server', [certificateFingerprint(viewer)], systemClock),
      client.handshake('client', [certificateFingerprint(device)], systemClock),
    ]);
    server.close();
    client.close();
    return keys;
  }

  test('both ends get the same keys, crosswise', async () => {
    const [server, client] = await keysOf(connect());
    assert.deepEqual(server.local, client.remote);
    assert.deepEqual(server.remote, client.local);
    assert.equal(server.local.profile, 'AES_CM_128_HMAC_SHA1_80');
  });

  test('two round trips, and each flight in one datagram', async () => {
    const ends = connect();
    await keysOf(ends);
    // ServerHello to ServerHelloDone; ChangeCipherSpec and Finished; the goodbye.
    assert.equal(ends.sent.server.length, 3);
    // ClientHello; Certificate to Finished; the goodbye.
    assert.equal(ends.sent.client.length, 3);
    assert.ok(ends.sent.server.every(({ length }) => length <= 1_200));
  });

  for (const index of [0, 1])
    test(`the server's datagram ${index} lost: it is repeated soon`, async () => {
      const startedAt = performance.now();
      await keysOf(connect((_, i) => (i === index ? 0 : 1)));
      assert.ok(performance.now() - startedAt < 450, `${performance.now() - startedAt} ms`);
    });

  for (const index of [0, 1])
    test(`the client's datagram ${index} lost: it is repeated soon`, async () => {
      const startedAt = performance.now();
      await keysOf(connect(undefined, (_, i) => (i === index ? 0 : 1)));
      assert.ok(performance.now() - startedAt < 450, `${performance.now() - startedAt} ms`);
    });

  test('every datagram doubled', async () => {
    const [server, client] = await keysOf(connect(twice, twice));
    assert.deepEqual(server.local, client.remote);
  });

  test('a fifth lost at random, a fifth doubled: all of 30 connect', async () => {
    const all = await Promise.all(Array.from({ length: 30 }, () => keysOf(connect(random, random))));
    for (const [server, client] of all) assert.deepEqual(server.local, client.remote);
  });

  test('what comes before the handshake is kept', async () => {
    const ends = connect();
    const client = ends.client.handshake('client', [certificateFingerprint(device)], systemClock);
    await new Promise((resolve) => setImmediate(resolve));
    await ends.server.handshake('server', [certificateFingerprint(viewer)], systemClock);
    await client;
    ends.server.close();
    ends.client.close();
  });

  test('close() tells the other end', async () => {
    const ends = connect();
    await Promise.all([
      ends.server.handshake('server', [certificateFingerprint(viewer)], systemClock),
      ends.client.handshake('client', [certificateFingerprint(device)], systemClock),
    ]);
    ends.server.close();
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    assert.ok(ends.closed.client);
    ends.client.close();
  });

  test('another certificate than the signalled one is refused, on either side', async () => {
    const stranger = certificateFingerprint(await prepareCertificate());
    for (const [toServer, toClient] of [
      [stranger, certificateFingerprint(device)],
      [certificateFingerprint(viewer), stranger],
    ] as const) {
      const ends = connect();
      const results = await Promise.allSettled([
        ends.server.handshake('server', [toServer], systemClock),
        ends.client.handshake('client', [toClient], systemClock),
      ]);
      const failures = results.flatMap((result) =>
        result.status === 'rejected' ? [String(result.reason)] : [],
      );
      assert.match(failures.join(), /does not match the fingerprint/);
      ends.server.close();
      ends.client.close();
    }
  });

  test('a server that did not sign its key exchange is refused', async () => {
    // One byte of the ephemeral key changed on the way: werift alone does not notice.
    const ends = connect((datagram, i) => {
      if (i !== 0) return 1;
      for (let at = 0; at < datagram.length;) {
        const end = at + 13 + datagram.readUInt16BE(at + 11);
        if (datagram[at] === 22 && datagram[at + 13] === 12) datagram[at + 13 + 12 + 6]! ^= 1;
        at = end;
      }
      return 1;
    });
    const server = ends.server.handshake('server', [certificateFingerprint(viewer)], systemClock);
    const client = ends.client.handshake('client', [certificateFingerprint(device)], systemClock);
    const outcome = await Promise.race([
      client.then(
        () => 'connected',
        (error: unknown) => String(error),
      ),
      new Promise((resolve) => setTimeout(() => resolve('not connected'), 400)),
    ]);
    ends.server.close();
    ends.client.close();
    await Promise.allSettled([server, client]);
    assert.notEqual(outcome, 'connected');
  });

  test('closed in the midst of it, the handshake rejects at once', async () => {
    const ends = connect(() => 0);
    const work = ends.server.handshake('server', [certificateFingerprint(viewer)], systemClock);
    ends.server.close();
    await assert.rejects(work, /closed/);
  });
});
