import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { RungChoice, type Rung } from '../../../../src/rtp/congestion/rung-choice.ts';

const RUNGS: Rung[] = [
  { name: 'high', kbps: 2700 },
  { name: 'middle', kbps: 800 },
  { name: 'low', kbps: 320 },
];
const STEP_MS = 50;

/** A choice, told the estimate every 50 ms. */
class Viewer {
  readonly choice = new RungChoice();
  nowMs = 0;
  changes = 0;
  #name = '';

  /** The rung at the end. */
  see(kbps: number, durationMs: number): string {
    for (let ms = 0; ms < durationMs; ms += STEP_MS) {
      const name = RUNGS[this.choice.choose(RUNGS, kbps, this.nowMs).rung]!.name;
      if (name !== this.#name) this.changes += 1;
      this.#name = name;
      this.nowMs += STEP_MS;
    }
    return this.#name;
  }

  reach(kbps: number): string {
    this.nowMs += STEP_MS;
    return this.choice.choose(RUNGS, kbps, this.nowMs).reach;
  }
}

describe('choice of a rendition', () => {
  test('the first estimate decides at once', () => {
    for (const [kbps, name] of [
      [9000, 'high'],
      [1000, 'middle'],
      [100, 'low'],
    ] as const)
      assert.equal(new Viewer().see(kbps, STEP_MS), name);
  });

  test('down soon where the link has broken down, after a while where it is a little short', () => {
    const viewer = new Viewer();
    viewer.see(3000, 1000);
    assert.equal(viewer.see(1000, 350), 'middle');
    const other = new Viewer();
    other.see(3000, 1000);
    assert.equal(other.see(2500, 1000), 'high');
    assert.equal(other.see(2500, 500), 'middle');
  });

  test('a dip that passes changes nothing', () => {
    const viewer = new Viewer();
    viewer.see(3000, 1000);
    for (let i = 0; i < 20; i++) {
      viewer.see(2400, 800);
      viewer.see(2700, 200);
    }
    assert.equal(viewer.changes, 1);
  });

  test('an estimate that swings around a need does not make the picture swing', () => {
    const viewer = new Viewer();
    for (let i = 0; i < 60; i++) {
      viewer.see(3100, 1000);
      viewer.see(2000, 1000);
    }
    assert.ok(viewer.changes <= 20, `${viewer.changes} changes in two minutes`);
  });

  test('below the lowest: thinned, key frames, sound only, and back with some room', () => {
    const viewer = new Viewer();
    const reaches = [400, 250, 130, 50, 70, 100, 200, 300, 400].map((kbps) => viewer.reach(kbps));
    assert.deepEqual(reaches, [
      'full',
      'thinned',
      'keyframes',
      'audio',
      'audio',
      'keyframes',
      'thinned',
      'thinned',
      'full',
    ]);
  });

  test('always a rung that is there, whatever the estimates', () => {
    const ladders = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 5 });
    const estimates = fc.array(fc.tuple(ladders, fc.double({ min: 0, max: 1e6, noNaN: true })));
    fc.assert(
      fc.property(estimates, (steps) => {
        const choice = new RungChoice();
        steps.forEach(([rates, kbps], i) => {
          const rungs = rates.toSorted((a, b) => b - a).map((rate) => ({ name: `${rate}`, kbps: rate }));
          const { rung, reach } = choice.choose(rungs, kbps, i * STEP_MS);
          assert.ok(rung >= 0 && rung < rungs.length);
          if (reach !== 'full') assert.equal(rung, rungs.length - 1);
        });
      }),
    );
  });
});
