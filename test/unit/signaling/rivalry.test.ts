import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemRandom } from '../../../src/runtime/random.ts';
import { Rivalry } from '../../../src/signaling/rivalry.ts';

test('three short sessions in a row are a fight; the pauses grow to minutes', () => {
  const rivalry = new Rivalry(systemRandom);
  assert.equal(rivalry.replacedAfter(2_000), 0);
  assert.equal(rivalry.replacedAfter(2_000), 0);
  assert.equal(rivalry.isFight, false);
  const bounds = [30_000, 60_000, 120_000, 240_000, 300_000, 300_000];
  for (const bound of bounds) {
    const pauseMs = rivalry.replacedAfter(2_000);
    assert.ok(pauseMs >= bound / 2 && pauseMs <= bound, `${pauseMs} of ${bound}`);
    assert.equal(rivalry.isFight, true);
  }
  assert.match(rivalry.describe('front'), /channel "front".*8 times/);
});

test('two agents that both back off stay in the fight although their sessions live for minutes', () => {
  const rivalry = new Rivalry(systemRandom);
  for (let i = 0; i < 3; i += 1) rivalry.replacedAfter(1_000);
  assert.ok(rivalry.replacedAfter(280_000) > 0);
  assert.equal(rivalry.isFight, true);
});

test('a session closed now and then is no fight, and a long life ends one', () => {
  const rivalry = new Rivalry(systemRandom);
  for (let i = 0; i < 20; i += 1) assert.equal(rivalry.replacedAfter(120_000), 0);
  rivalry.replacedAfter(1_000);
  rivalry.replacedAfter(1_000);
  assert.equal(rivalry.isFight, true);
  rivalry.over();
  assert.equal(rivalry.isFight, false);
  assert.equal(rivalry.replacedAfter(1_000), 0);
});
