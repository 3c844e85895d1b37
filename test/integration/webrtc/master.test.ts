import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { before, describe, test } from 'node:test';
import { systemClock, type Clock } from '../../../src/runtime/clock.ts';
import { DtlsLoader } from '../../../src/webrtc/werift/dtls-loader.ts';
import { prepareCertificate, type DtlsCertificate } from '../../../src/webrtc/werift/dtls.ts';
import { patientClock } from '../../support/patient-clock.ts';
import { StubMaster, type StubMasterOptions } from './support/stub-master.ts';
import { StubViewer } from './support/stub-viewer.ts';

/** Nothing of a server is given up earlier. */
const GIVEN_UP_MS = 100;

describe('viewers of a master', () => {
  const device = new DtlsLoader();
  let own: DtlsCertificate;
  before(async () => {
    [own] = await Promise.all([prepareCertificate(), device.load()]);
  });

  async function withMaster(
    options: Partial<StubMasterOptions>,
    use: (stub: StubMaster) => Promise<void>,
  ): Promise<StubMaster> {
    const stub = new StubMaster({ dtls: device, ...options });
    try {
      await use(stub);
    } finally {
      await stub.close();
    }
    return stub;
  }

  async function join(stub: StubMaster, clientId: string): Promise<StubViewer> {
    const viewer = new StubViewer(clientId, own);
    await stub.join(viewer);
    await viewer.packetsReceived(1);
    return viewer;
  }

  test('each session ends with one reason: in the log, in the counters, and the camera is released', async () => {
    const stub = await withMaster({}, async (running) => {
      const leaving = await join(running, 'leaves');
      const first = await join(running, 'comes-twice');
      const staying = await join(running, 'stays');
      leaving.close();
      await running.ended(1);
      const second = await join(running, 'comes-twice');
      await running.ended(2);
      assert.equal(running.master.viewers, 2);
      const goodbyes = [staying.closed(), second.closed()];
      await running.master.close();
      await Promise.all(goodbyes);
      for (const viewer of [first, second, staying]) viewer.close();
    });
    assert.deepEqual(stub.ends, ['closed-by-viewer', 'replaced', 'stopped', 'stopped']);
    assert.deepEqual(endLines(stub), stub.ends);
    assert.deepEqual(stub.master.counters.ends, { 'closed-by-viewer': 1, replaced: 1, stopped: 2 });
    assert.equal(stub.leases, 0);
    assert.equal(stub.master.viewers, 0);
  });

  test('candidates that come before their offer are used', async () => {
    await withMaster({}, async (stub) => {
      const viewer = new StubViewer('early', own);
      const offer = await viewer.offer();
      const candidates = [...offer.matchAll(/^a=(candidate:.*)\r$/gm)].map((match) => match[1] ?? '');
      for (const candidate of candidates) stub.master.onCandidate('early', candidate);
      await viewer.accept(await stub.answerTo('early', offer.replaceAll(/^a=candidate:.*\r\n/gm, '')));
      await viewer.packetsReceived(1);
      viewer.close();
      await stub.ended(1);
    });
  });

  test('one more than there are places is refused, with the reason in the log; a place that gets free is given', async () => {
    await withMaster({ maxViewers: 1 }, async (stub) => {
      const first = await join(stub, 'first');
      const second = new StubViewer('second', own);
      await assert.rejects(stub.join(second), /refused/);
      const refusal = stub.lines.find(({ message }) => message === 'viewer refused');
      assert.match(String(refusal?.details['reason']), /all 1 viewer places are taken/);
      second.close();
      first.close();
      await stub.ended(1);
      const third = await join(stub, 'third');
      third.close();
      await stub.ended(2);
    });
  });

  test('a viewer is sent away after the longest visit, and when none may be served any more', async () => {
    // It looks every 10 s.
    const clock: Clock = {
      ...systemClock,
      every: (ms, look) => systemClock.every(ms === 10_000 ? 20 : ms, look),
    };
    const stub = await withMaster({ clock }, async (running) => {
      const viewer = await join(running, 'forgotten');
      running.maxSessionMinutes = 0.001;
      await running.ended(1);
      viewer.close();
      running.maxSessionMinutes = 0;
      const next = await join(running, 'next');
      running.barred = 'the data budget is used up';
      await running.ended(2);
      next.close();
      const late = new StubViewer('late', own);
      await assert.rejects(running.join(late), /refused/);
      late.close();
    });
    assert.deepEqual(stub.ends, ['time-limit', 'barred']);
  });

  test('stale offers take no place from a viewer that is there', async () => {
    const stub = await withMaster({ maxViewers: 3 }, async (running) => {
      const watching = await join(running, 'watching');
      for (const name of ['gone-1', 'gone-2', 'gone-3', 'gone-4']) {
        const gone = new StubViewer(name, own);
        const offer = await gone.offer();
        gone.close();
        await running.answerTo(name, offer);
      }
      const present = await join(running, 'present');
      assert.equal(running.master.viewers, 3);
      await watching.packetsReceived(watching.packets + 5);
      for (const viewer of [watching, present]) viewer.close();
    });
    assert.equal(stub.master.counters.refused, 0);
    assert.equal(stub.master.counters.ends.displaced, 3);
  });

  test('an offer whose viewer is long gone: over after 15 s without a sign of it, no warning', async () => {
    // Its timers of 15 s and more run fifty times as fast.
    const stub = await withMaster({ clock: fasterClock(50) }, async (running) => {
      const gone = new StubViewer('gone', own);
      const offer = await gone.offer();
      gone.close();
      await running.answerTo('gone', offer);
      assert.equal(running.master.viewers, 1);
      await running.ended(1);
    });
    assert.deepEqual(stub.ends, ['connect-failed']);
    assert.deepEqual(endLines(stub), ['connect-failed']);
    assert.equal(stub.lines.length, 1);
  });

  test('a viewer that dies connected is given up after 30 s without consent', async () => {
    const stub = await withMaster({ clock: fasterClock(20) }, async (running) => {
      const dying = await join(running, 'dies');
      dying.vanish();
      await running.ended(1);
    });
    assert.deepEqual(stub.ends, ['consent-expired']);
  });

  test('servers that cannot be reached are not waited for', async (t) => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    const { port } = silent.address();
    const unreachable = [
      { urls: [`stun:127.0.0.1:${port}`, 'stun:192.0.2.200:3478', 'stun:no-such-host.invalid:443'] },
      {
        urls: [`turn:127.0.0.1:${port}?transport=udp`, 'turns:192.0.2.200:443?transport=tcp'],
        username: 'u',
        credential: 'p',
      },
    ];
    const asked = once(silent, 'message', { signal: AbortSignal.timeout(5_000) });
    const iceServers = () => [Promise.resolve(unreachable)];
    await withMaster({ clock: patientClock(GIVEN_UP_MS), iceServers }, async (stub) => {
      const viewer = await join(stub, 'viewer');
      await asked;
      viewer.close();
      await stub.ended(1);
    });
  });

  test('STUN servers are asked while TURN servers are still awaited', async (t) => {
    const server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const stun = [{ urls: [`stun:127.0.0.1:${server.address().port}`] }];
    const never = new Promise<never>(() => {});
    await withMaster({ iceServers: () => [Promise.resolve(stun), never] }, async (stub) => {
      const asked = once(server, 'message', { signal: AbortSignal.timeout(5_000) });
      (await join(stub, 'viewer')).close();
      await asked;
    });
  });

  test('floods of offers, candidates and nonsense are bounded and counted; the viewers that watch notice nothing', async (t) => {
    await withMaster({ maxViewers: 6 }, async (stub) => {
      const watching = [await join(stub, 'one'), await join(stub, 'two')];
      const strangers = new StubViewer('stranger', own);
      const offer = await strangers.offer();
      strangers.close();
      const { master } = stub;
      const sent = { offers: 0, candidates: 0 };
      const heapBefore = process.memoryUsage().heapUsed;
      for (const viewer of watching) viewer.longestGapCpuMs = 0;
      const earlier = { frames: stub.frames, packets: watching.map(({ packets }) => packets) };
      const endAt = performance.now() + 4_000;
      await new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          // 200 offers a second: strangers, one that insists, and nonsense; and 4 000 candidates.
          const clientId = sent.offers % 3 === 0 ? 'insists' : `stranger-${sent.offers}`;
          const again = offer.replace(/^o=- \d+/m, `o=- ${sent.offers}`);
          master.onOffer(clientId, sent.offers % 5 === 0 ? 'nonsense' : again);
          sent.offers += 1;
          for (let i = 0; i < 20; i += 1) {
            master.onCandidate(`nobody-${i}`, 'candidate:1 1 udp 1 10.0.0.1 5000 typ host');
            master.onCandidate('insists', `candidate:1 1 udp 1 127.0.0.9 ${10_000 + i} typ host`);
            sent.candidates += 2;
          }
          if (performance.now() < endAt) return;
          clearInterval(timer);
          resolve();
        }, 4);
      });
      const { counters } = master;
      t.diagnostic(`${JSON.stringify(sent)} ${JSON.stringify(counters)}`);
      assert.equal(counters.offers, sent.offers + 2);
      assert.ok(counters.limited > sent.offers / 3);
      assert.ok(counters.malformed > 0 && counters.droppedCandidates > 0);
      assert.ok((counters.ends.displaced ?? 0) > 0);
      assert.ok(master.viewers <= 6);
      assert.ok(stub.lines.length < 400, `${stub.lines.length} log lines`);
      const heapMb = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20;
      assert.ok(heapMb < 60, `${heapMb} MB`);
      const frames = stub.frames - earlier.frames;
      for (const [i, viewer] of watching.entries()) {
        await viewer.packetsReceived((earlier.packets[i] ?? 0) + frames);
        t.diagnostic(`longest gap between packets ${viewer.longestGapCpuMs.toFixed(0)} ms of work`);
        assert.ok(viewer.longestGapCpuMs < 250);
      }
      for (const viewer of watching) viewer.close();
    });
  });
});

/** Timers of 15 s and more run faster; those that wait for answers as they are. */
function fasterClock(factor: number): Clock {
  const scaled = (delayMs: number) => (delayMs < 15_000 ? delayMs : delayMs / factor);
  return {
    ...systemClock,
    after: (delayMs, callback) => systemClock.after(scaled(delayMs), callback),
    every: (intervalMs, callback) => systemClock.every(scaled(intervalMs), callback),
  };
}

function endLines({ lines }: StubMaster): unknown[] {
  return lines
    .filter(({ message }) => message === 'viewer session ended')
    .map(({ details }) => details['end']);
}
