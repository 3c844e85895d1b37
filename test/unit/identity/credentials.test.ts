import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import {
  CachedCredentials,
  type CredentialsSource,
  type FetchedCredentials,
} from '../../../src/identity/credentials.ts';
import { createLog } from '../../../src/log.ts';
import { supervise } from '../../../src/runtime/supervise.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const HOUR_MS = 3_600_000;
const log = Object.assign(createLog('error'), { level: 'silent' });

/** Issues credentials that live an hour by its own clock, which is right whatever the device's says. */
class Issuer implements CredentialsSource {
  readonly kind = 'x509';
  readonly clock: SimulatedClock;
  lifetimeMs = HOUR_MS;
  /** The service's clock minus the device's. */
  offsetMs = 0;
  sendsTime = true;
  fails = false;
  issued = 0;
  /** Ends when told to; else at once. */
  gate: Promise<void> = Promise.resolve();

  constructor(clock: SimulatedClock) {
    this.clock = clock;
  }

  async fetch(): Promise<FetchedCredentials> {
    await this.gate;
    if (this.fails) throw new Error('the service is away');
    this.issued += 1;
    const serverTimeMs = this.clock.now() + this.offsetMs;
    const credentials = {
      accessKeyId: `ASIA${this.issued}`,
      secretAccessKey: 'secret',
      sessionToken: 'token',
      expiration: new Date(serverTimeMs + this.lifetimeMs),
    };
    return this.sendsTime ? { credentials, serverTimeMs } : { credentials };
  }
}

function setUp({ seed = 1 } = {}) {
  const clock = new SimulatedClock();
  const source = new Issuer(clock);
  const random = seededRandom(seed);
  const durations: number[] = [];
  const credentials = new CachedCredentials({
    source,
    clock,
    random,
    log,
    onFetched: (durationMs) => durations.push(durationMs),
  });
  return { clock, source, random, credentials, durations };
}

test('a hundred callers cause one fetch, and so do later ones', async () => {
  const { source, credentials } = setUp();
  const all = await Promise.all(Array.from({ length: 100 }, () => credentials.get()));
  assert.ok(all.every(({ accessKeyId }) => accessKeyId === 'ASIA1'));
  await credentials.get();
  assert.equal(source.issued, 1);
});

test('renewal ends at once when told to, also while the service does not answer', async () => {
  const { source, credentials } = setUp();
  source.gate = new Promise(() => {});
  const stop = new AbortController();
  const running = credentials.run(stop.signal);
  stop.abort();
  await running;
});

test('how long a fetch took and how old the credentials are is reported', async () => {
  const { clock, source, credentials, durations } = setUp();
  const gate = Promise.withResolvers<void>();
  source.gate = gate.promise;
  const got = credentials.get();
  clock.advance(70);
  gate.resolve();
  await got;
  assert.deepEqual(durations, [70]);
  clock.advance(1_000);
  const { ageMs, remainingMs, source: kind } = credentials.status();
  assert.deepEqual({ ageMs, kind }, { ageMs: 1_000, kind: 'x509' });
  assert.ok(remainingMs !== undefined && remainingMs > HOUR_MS - 3_000 && remainingMs < HOUR_MS);
});

test('credentials are renewed when 10 to 20 % of their life are left, not at one moment by a whole fleet', async () => {
  const renewedAtMs = await Promise.all(
    Array.from({ length: 50 }, async (_, seed) => {
      const { clock, source, credentials } = setUp({ seed });
      const stop = new AbortController();
      const running = credentials.run(stop.signal);
      for (let minute = 0; source.issued < 2; minute += 1) await pass(clock, 60_000);
      stop.abort();
      await running;
      return clock.monotonic();
    }),
  );
  assert.ok(Math.min(...renewedAtMs) >= 0.8 * HOUR_MS - 60_000);
  assert.ok(Math.max(...renewedAtMs) <= 0.9 * HOUR_MS + 60_000);
  assert.ok(new Set(renewedAtMs).size >= 5, 'spread over several minutes');
});

test('a viewer who comes at any time never waits for credentials', async () => {
  const { clock, source, credentials } = setUp();
  const stop = new AbortController();
  const running = credentials.run(stop.signal);
  for (let minute = 0; minute < 600; minute += 1) {
    await pass(clock, 60_000);
    const before = source.issued;
    await credentials.get();
    assert.equal(source.issued, before, 'it had to be fetched first');
  }
  assert.ok(source.issued <= Math.ceil(10 / 0.8) + 1, `${source.issued} fetches in 10 hours`);
  stop.abort();
  await running;
});

test('whatever outage shorter than what is left of their life, credentials are there', async () => {
  const outage = fc.record({ seed: fc.integer(), startMinute: fc.integer({ min: 1, max: 59 }) });
  await fc.assert(
    fc.asyncProperty(outage, async ({ seed, startMinute }) => {
      const { clock, source, random, credentials } = setUp({ seed });
      const stop = new AbortController();
      const running = supervise((signal) => credentials.run(signal), stop.signal, {
        name: 'credentials',
        clock,
        random,
        log,
      });
      for (let minute = 0; minute < 130; minute += 1) {
        // Five minutes, while at least six are left when a renewal is due.
        source.fails = minute >= startMinute && minute < startMinute + 5;
        await pass(clock, 60_000);
        assert.ok(await credentials.get());
      }
      assert.ok(source.issued <= 4, `${source.issued} fetches`);
      stop.abort();
      await running;
    }),
    { numRuns: 20 },
  );
});

test('when they have expired and the service is away, the reason is given; when it is back, new ones', async () => {
  const { clock, source, credentials } = setUp();
  await credentials.get();
  source.fails = true;
  clock.advance(HOUR_MS * 0.97);
  assert.equal((await credentials.get()).accessKeyId, 'ASIA1');
  clock.advance(HOUR_MS);
  await assert.rejects(credentials.get(), /the service is away/);
  assert.equal(credentials.status().lastError, 'the service is away');
  source.fails = false;
  assert.equal((await credentials.get()).accessKeyId, 'ASIA2');
  assert.equal(credentials.status().lastError, undefined);
});

for (const [name, offsetMs] of [
  ['slow', 400 * 24 * HOUR_MS],
  ['fast', -400 * 24 * HOUR_MS],
] as const) {
  test(`a clock that is years ${name} neither wears nor renews credentials`, async () => {
    const { clock, source, credentials } = setUp();
    source.offsetMs = offsetMs;
    await credentials.get();
    clock.advance(HOUR_MS / 2);
    await credentials.get();
    assert.equal(source.issued, 1);
    clock.advance(HOUR_MS / 2);
    await credentials.get();
    assert.equal(source.issued, 2);
  });
}

test('a wall clock that jumps does not matter either', async () => {
  const { clock, source, credentials } = setUp();
  await credentials.get();
  clock.wallMs += 10 * HOUR_MS;
  await credentials.get();
  clock.wallMs -= 20 * HOUR_MS;
  await credentials.get();
  assert.equal(source.issued, 1);
});

test('credentials that seem to have expired on arrival are tried, and fetched again a minute later', async () => {
  const { clock, source, credentials } = setUp();
  source.sendsTime = false;
  source.lifetimeMs = -HOUR_MS;
  assert.equal((await credentials.get()).accessKeyId, 'ASIA1');
  clock.advance(30_000);
  assert.equal((await credentials.get()).accessKeyId, 'ASIA1');
  clock.advance(30_000);
  assert.equal((await credentials.get()).accessKeyId, 'ASIA2');
});

test('refused credentials are replaced once, however many report it', async () => {
  const { clock, source, credentials } = setUp();
  const used = await credentials.get();
  clock.advance(10_000);
  for (let camera = 0; camera < 10; camera += 1) {
    credentials.invalidate(used);
    assert.equal((await credentials.get()).accessKeyId, 'ASIA2');
  }
  assert.equal(source.issued, 2);
});

test('a refusal of fresh credentials fetches no others: they would be refused as well', async () => {
  const { source, credentials } = setUp();
  const used = await credentials.get();
  credentials.invalidate(used);
  credentials.invalidate();
  await credentials.get();
  assert.equal(source.issued, 1);
});

test('refused ones are not handed out again while the service is away', async () => {
  const { clock, source, credentials } = setUp();
  await credentials.get();
  clock.advance(10_000);
  credentials.invalidate();
  source.fails = true;
  await assert.rejects(credentials.get(), /away/);
});

/** Lets time pass, and then everything that was waiting for it happen. */
async function pass(clock: SimulatedClock, durationMs: number): Promise<void> {
  clock.advance(durationMs);
  await turn();
}

function seededRandom(seed: number) {
  let state = seed >>> 0;
  const uint32 = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
  uint32();
  return { uint32, float: () => uint32() / 2 ** 32 };
}
