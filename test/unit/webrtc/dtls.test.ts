import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { systemClock, type Clock } from '../../../src/runtime/clock.ts';
import {
  certificateFingerprint,
  DtlsAssociation,
  prepareCertificate,
  type DtlsCertificate,
} from '../../../src/webrtc/werift/dtls.ts';
import {
  as,
  backwards,
  lost,
  random,
  twice,
  withoutSecondPiece,
  type Fate,
} from './support/datagram-fates.ts';

/** 3 MB of data, and the answers to as much the other way. */
const RECORDS_AT_ONCE = 4_000;

interface Ends {
  server: DtlsAssociation;
  client: DtlsAssociation;
  closed: { server: boolean; client: boolean };
  sent: { server: Buffer[]; client: Buffer[] };
}

function path(log: Buffer[], fate: Fate, to: () => DtlsAssociation) {
  return (datagram: Buffer): void => {
    log.push(datagram);
    // Asynchronous, as a network is.
    for (const arriving of fate(datagram, log.length - 1))
      setImmediate(() => to().receive(Buffer.from(arriving)));
  };
}

describe('the DTLS handshake', () => {
  let device: DtlsCertificate;
  let viewer: DtlsCertificate;
  before(async () => {
    [device, viewer] = await Promise.all([prepareCertificate(), prepareCertificate()]);
  });

  function connect(toClient = as, toServer = as, onData?: (data: Buffer) => void): Ends {
    const sent: Ends['sent'] = { server: [], client: [] };
    const closed = { server: false, client: false };
    const ends: Ends = {
      server: new DtlsAssociation(
        device,
        path(sent.server, toClient, () => ends.client),
        () => (closed.server = true),
        false,
        onData,
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

  async function keysOf(
    { server, client }: Ends,
    serverClock: Clock = systemClock,
    clientClock = serverClock,
  ) {
    const keys = await Promise.all([
      server.handshake('server', [certificateFingerprint(viewer)], serverClock),
      client.handshake('client', [certificateFingerprint(device)], clientClock),
    ]);
    server.close();
    client.close();
    return keys;
  }

  /** Connects; resolves to what the end that waited longest waited for repetitions, whatever else the machine has to do. */
  async function retryMsOf(ends: Ends): Promise<number> {
    const waitedMs = { server: 0, client: 0 };
    const clockOf = (end: keyof typeof waitedMs): Clock => ({
      ...systemClock,
      after: (delayMs, callback) =>
        systemClock.after(delayMs, () => {
          waitedMs[end] += delayMs;
          callback();
        }),
    });
    await keysOf(ends, clockOf('server'), clockOf('client'));
    return Math.max(waitedMs.server, waitedMs.client);
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
      assert.ok((await retryMsOf(connect(lost(index)))) <= 300);
    });

  for (const index of [0, 1])
    test(`the client's datagram ${index} lost: it is repeated soon`, async () => {
      assert.ok((await retryMsOf(connect(as, lost(index)))) <= 300);
    });

  test('eight answers in a row lost: asked for again until the handshake has taken its 20 s', async () => {
    // Ten times as fast.
    const clock = {
      ...systemClock,
      after: (ms: number, then: () => void) => systemClock.after(ms / 10, then),
    };
    const [server, client] = await keysOf(connect(lost(1, 8)), clock);
    assert.deepEqual(server.local, client.remote);
  });

  test('every datagram doubled', async () => {
    const [server, client] = await keysOf(connect(twice, twice));
    assert.deepEqual(server.local, client.remote);
  });

  test('each flight in many pieces, the last first', async () => {
    const [server, client] = await keysOf(connect(backwards, backwards));
    assert.deepEqual(server.local, client.remote);
  });

  test('a piece of each first flight is lost: what the repetition brings completes it', async () => {
    const [server, client] = await keysOf(connect(withoutSecondPiece, withoutSecondPiece));
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

  test('as much data at once as a fast network brings is read, every record of it', async () => {
    let records = 0;
    const ends = connect(as, as, () => (records += 1));
    await Promise.all([
      ends.server.handshake('server', [certificateFingerprint(viewer)], systemClock),
      ends.client.handshake('client', [certificateFingerprint(device)], systemClock),
    ]);
    for (let i = 0; i < RECORDS_AT_ONCE; i += 1) ends.client.sendData(Buffer.alloc(100));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(records, RECORDS_AT_ONCE);
    ends.server.close();
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
      if (i !== 0) return [datagram];
      for (let at = 0; at < datagram.length;) {
        const end = at + 13 + datagram.readUInt16BE(at + 11);
        if (datagram[at] === 22 && datagram[at + 13] === 12) datagram[at + 13 + 12 + 6]! ^= 1;
        at = end;
      }
      return [datagram];
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
    const ends = connect(() => []);
    const work = ends.server.handshake('server', [certificateFingerprint(viewer)], systemClock);
    ends.server.close();
    await assert.rejects(work, /closed/);
  });
});
