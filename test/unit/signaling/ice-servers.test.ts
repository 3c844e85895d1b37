import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stunServer } from '../../../src/signaling/control-plane.ts';
import { IceServerCache } from '../../../src/signaling/ice-servers.ts';
import { ManualClock } from './support/manual-clock.ts';

function setUp(ttlSeconds: number) {
  const clock = new ManualClock();
  const state = { calls: 0, failure: undefined as Error | undefined };
  const fetch = async () => {
    state.calls += 1;
    if (state.failure) throw state.failure;
    return { servers: [{ urls: [`turn:${state.calls}`] }], ttlSeconds };
  };
  return { clock, state, cache: new IceServerCache(fetch, clock) };
}

test('viewers that join within the credentials’ life share one call; later ones cause another', async () => {
  const { clock, state, cache } = setUp(300);
  const [first, second] = await Promise.all([cache.get(), cache.get()]);
  assert.equal(first, second);
  clock.advance(269_000);
  await cache.get();
  assert.equal(state.calls, 1);
  clock.advance(2_000);
  assert.deepEqual(await cache.get(), [{ urls: ['turn:2'] }]);
});

test('a short life is used for half of it', async () => {
  const { clock, state, cache } = setUp(10);
  await cache.get();
  clock.advance(4_900);
  await cache.get();
  assert.equal(state.calls, 1);
  clock.advance(200);
  await cache.get();
  assert.equal(state.calls, 2);
});

test('RECONNECT_ICE_SERVER: the next viewer gets new servers', async () => {
  const { state, cache } = setUp(300);
  await cache.get();
  cache.invalidate();
  assert.deepEqual(await cache.get(), [{ urls: ['turn:2'] }]);
  assert.equal(state.calls, 2);
});

test('an offer flood against a failing service is no call flood, and recovery is quick', async () => {
  const { clock, state, cache } = setUp(300);
  state.failure = new Error('throttled');
  for (let i = 0; i < 100; i += 1) await assert.rejects(cache.get(), /throttled/);
  assert.equal(state.calls, 1);
  state.failure = undefined;
  clock.advance(1_000);
  assert.deepEqual(await cache.get(), [{ urls: ['turn:2'] }]);
});

function stunUrl(region: string, useDualStack = false): string | undefined {
  return stunServer(region, useDualStack).urls[0];
}

test('the region’s STUN server, also in China and dual-stack', () => {
  assert.equal(stunUrl('us-west-2'), 'stun:stun.kinesisvideo.us-west-2.amazonaws.com:443');
  assert.equal(stunUrl('us-west-2', true), 'stun:stun.kinesisvideo.us-west-2.api.aws:443');
  assert.equal(stunUrl('cn-north-1'), 'stun:stun.kinesisvideo.cn-north-1.amazonaws.com.cn:443');
});
