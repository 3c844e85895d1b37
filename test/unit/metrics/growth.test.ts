import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { Distribution, MAX_VALUES } from '../../../src/metrics/distribution.ts';
import { Growth } from '../../../src/metrics/growth.ts';
import { counter, gauge, type MetricGroup, type Sample } from '../../../src/metrics/sample.ts';
import { systemRandom } from '../../../src/runtime/random.ts';

function group(samples: Sample[], distributions: Distribution[] = [], camera = 'front'): MetricGroup {
  return { properties: { camera }, samples, distributions };
}

/** One counter of two cameras. */
function both(a: number, b: number): MetricGroup[] {
  return [group([counter('n', a)], [], 'a'), group([counter('n', b)], [], 'b')];
}

function bytes(value: number): MetricGroup[] {
  const rate = { name: 'bitrate', unit: 'Kilobits/Second', scale: 8 / 1000 } as const;
  return [group([counter('bytes', value, 'Bytes', rate)])];
}

function taken(growth: Growth, groups: MetricGroup[], atMs = 0) {
  return growth.take(groups, atMs).flatMap(({ metrics }) => metrics);
}

describe('growth', () => {
  test('whatever a counter counts, its published growth sums up to it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000)), (steps) => {
        const growth = new Growth();
        let [total, published] = [0, 0];
        for (const step of steps) {
          total += step;
          for (const { value } of taken(growth, [group([counter('packets', total)])]))
            published += Number(value);
        }
        assert.equal(published, total);
      }),
    );
  });

  test('a counter that did not grow is not published, a gauge always is', () => {
    const growth = new Growth();
    const groups = [group([counter('packets', 5), ...gauge('viewers', 2)])];
    assert.equal(taken(growth, groups).length, 2);
    assert.deepEqual(taken(growth, groups), [{ name: 'viewers', unit: 'Count', value: 2 }]);
  });

  test('a counter that begins anew counts from there', () => {
    const growth = new Growth();
    taken(growth, [group([counter('packets', 100)])]);
    assert.equal(taken(growth, [group([counter('packets', 30)])])[0]?.value, 30);
  });

  test('cameras have counters of their own', () => {
    const growth = new Growth();
    taken(growth, both(10, 100));
    assert.deepEqual(
      taken(growth, both(11, 102)).map(({ value }) => value),
      [1, 2],
    );
  });

  test('a rate is the growth a second', () => {
    const growth = new Growth();
    taken(growth, bytes(1000), 5_000);
    const [, rate] = taken(growth, bytes(1000 + 250_000), 6_000);
    assert.deepEqual(rate, { name: 'bitrate', unit: 'Kilobits/Second', value: 2000 });
  });

  test('a measured value is published once', () => {
    const growth = new Growth();
    const distribution = new Distribution('dtls', 'Milliseconds', systemRandom);
    distribution.add(3);
    assert.deepEqual(taken(growth, [group([], [distribution])])[0]?.value, [3]);
    assert.deepEqual(taken(growth, [group([], [distribution])]), []);
  });
});

describe('distribution', () => {
  test('of a million values a hundred are kept, spread as the million', () => {
    const distribution = new Distribution('delay', 'Milliseconds', systemRandom);
    for (let value = 0; value < 1_000_000; value++) distribution.add(value);
    const kept = distribution.take();
    assert.equal(kept.length, MAX_VALUES);
    assert.equal(distribution.count, 1_000_000);
    const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
    // Six standard errors of a hundred uniform values.
    assert.ok(Math.abs(mean - 500_000) < 175_000, `mean ${mean}`);
  });

  test('what is no number is not counted', () => {
    const distribution = new Distribution('delay', 'Milliseconds', systemRandom);
    for (const value of [Number.NaN, Infinity, 4]) distribution.add(value);
    assert.deepEqual([distribution.count, distribution.sum, distribution.take()], [1, 4, [4]]);
  });
});
