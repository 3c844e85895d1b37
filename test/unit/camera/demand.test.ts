import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Demand } from '../../../src/camera/demand.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

function createDemand() {
  const clock = new SimulatedClock();
  const demand = new Demand(clock, 5000);
  const changes: boolean[] = [];
  demand.onChange((wanted) => changes.push(wanted));
  return { clock, demand, changes };
}

test('on with the first holder, off a grace period after the last', () => {
  const { clock, demand, changes } = createDemand();
  const first = demand.acquire();
  assert.deepEqual(changes, [true], 'at once');
  const second = demand.acquire();
  first.release();
  clock.advance(60_000);
  assert.equal(demand.wanted, true);
  second.release();
  second.release();
  clock.advance(4999);
  assert.equal(demand.wanted, true);
  clock.advance(1);
  assert.deepEqual(changes, [true, false]);
});

test('a holder within the grace period keeps it on', () => {
  const { clock, demand, changes } = createDemand();
  demand.acquire().release();
  clock.advance(3000);
  const next = demand.acquire();
  clock.advance(60_000);
  assert.deepEqual(changes, [true]);
  next.release();
  clock.advance(5000);
  assert.equal(demand.wanted, false);
});

test('releasing one holder twice does not take the place of another', () => {
  const { clock, demand } = createDemand();
  const first = demand.acquire();
  demand.acquire();
  first.release();
  first.release();
  clock.advance(60_000);
  assert.equal(demand.wanted, true);
});
