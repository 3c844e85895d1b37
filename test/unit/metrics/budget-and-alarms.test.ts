import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { SILENT } from '../../../src/log.ts';
import { Alarms } from '../../../src/metrics/alarms.ts';
import { DataBudget } from '../../../src/metrics/data-budget.ts';
import type { AlarmEvent } from '../../../src/metrics/events.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const MEGABYTE = 1_000_000;

describe('data budget', () => {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'budget-'));
  after(() => rmSync(stateDirectory, { recursive: true }));

  function budgetOf(monthlyMegabytes: number, clock = new SimulatedClock(Date.UTC(2025, 0, 31, 23))) {
    const options = { stateDirectory, monthlyMegabytes: () => monthlyMegabytes, clock, log: SILENT };
    return new DataBudget(options);
  }

  test('warns at 80 % and at all of it, and begins anew with the month', async () => {
    const clock = new SimulatedClock(Date.UTC(2025, 0, 31, 23));
    const budget = budgetOf(100, clock);
    await budget.update(79 * MEGABYTE);
    assert.deepEqual(budget.faults(), []);
    await budget.update(80 * MEGABYTE);
    assert.equal(budget.faults()[0]?.alarm, 'data-budget-near');
    assert.equal(budget.exceeded, undefined);
    await budget.update(100 * MEGABYTE);
    assert.equal(budget.faults()[0]?.alarm, 'data-budget-exceeded');
    assert.match(budget.exceeded ?? '', /100 of 100 MB/);
    clock.advance(3_600_000);
    await budget.update(101 * MEGABYTE);
    assert.equal(budget.usedBytes, MEGABYTE);
    assert.deepEqual(budget.faults(), []);
    assert.equal(budget.exceeded, undefined);
  });

  test('outlives a restart, and a damaged file', async () => {
    const first = budgetOf(0);
    await first.update(30 * MEGABYTE, true);
    const second = budgetOf(0);
    await second.load();
    await second.update(5 * MEGABYTE, true);
    assert.equal(second.usedBytes, 35 * MEGABYTE);
    for (const text of ['', '{"month":7}', '{"month":"2025-01","bytes":-1}', 'null']) {
      writeFileSync(join(stateDirectory, 'data-usage.json'), text);
      const damaged = budgetOf(0);
      await damaged.load();
      assert.equal(damaged.usedBytes, 0, text);
    }
  });

  test('without a budget nothing is too much', async () => {
    const budget = budgetOf(0);
    await budget.update(1e15);
    assert.deepEqual(budget.faults(), []);
  });
});

test('a fault is told when it begins and when it ends, however often it is seen', () => {
  const events: AlarmEvent[] = [];
  const alarms = new Alarms((event) => events.push(event), new SimulatedClock(Date.UTC(2025, 0, 1)));
  const fault = { alarm: 'camera-failed', camera: 'front', reason: 'busy' };
  const other = { ...fault, camera: 'back' };
  alarms.update([fault]);
  alarms.update([fault, other]);
  assert.equal(alarms.count, 2);
  alarms.update([other]);
  alarms.update([]);
  assert.deepEqual(
    events.map(({ state, camera }) => `${state} ${camera}`),
    ['raised front', 'raised back', 'cleared front', 'cleared back'],
  );
  assert.equal(events[0]?.at, '2025-01-01T00:00:00.000Z');
});
