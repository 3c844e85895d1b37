import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { OfflineQueue } from '../../../src/iot/offline-queue.ts';

test('bounded in number and size, the oldest make room, every loss is counted', () => {
  const message = fc.record({
    size: fc.nat(60),
    key: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
      const queue = new OfflineQueue({ maxMessages: 5, maxBytes: 200 });
      let replaced = 0;
      for (const [index, { size, key }] of messages.entries()) {
        const before = queue.statistics;
        queue.add({ topic: `${index}`, payload: 'x'.repeat(size) }, key);
        const { queued, queuedBytes, dropped } = queue.statistics;
        assert.ok(queued <= 5 && queuedBytes <= 200);
        replaced += before.queued + 1 - queued - (dropped - before.dropped);
      }
      const order: number[] = [];
      for (let first = queue.first; first; first = queue.first) {
        order.push(Number(first.topic));
        assert.ok(queue.remove(first));
      }
      assert.deepEqual(
        order,
        order.toSorted((a, b) => a - b),
        'in the order they came',
      );
      assert.equal(messages.length, order.length + queue.statistics.dropped + replaced);
      assert.equal(queue.statistics.queuedBytes, 0);
    }),
  );
});

test('of one key the newest is kept, also while the older one is being sent', () => {
  const queue = new OfflineQueue();
  queue.add({ topic: 't', payload: 'old' }, 'state');
  const sending = queue.first;
  assert.ok(sending);
  queue.add({ topic: 't', payload: 'new' }, 'state');
  assert.equal(queue.remove(sending), false);
  assert.equal(queue.first?.payload, 'new');
  assert.equal(queue.statistics.dropped, 0);
});
