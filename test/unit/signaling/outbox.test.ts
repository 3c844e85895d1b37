import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Random } from '../../../src/runtime/random.ts';
import { Outbox } from '../../../src/signaling/outbox.ts';
import { ManualClock } from './support/manual-clock.ts';

const random: Random = { float: () => 0.5, uint32: () => 7 };

interface Sent {
  atMs: number;
  action: string;
  clientId: string;
  correlationId: string;
  payload: { sdp?: string; candidate?: string };
}

class Wire {
  readonly clock = new ManualClock();
  readonly sent: Sent[] = [];
  isOpen = true;
  undeliverable = 0;
  readonly outbox = new Outbox({
    clock: this.clock,
    random,
    deliver: (clientId, frame) => this.#deliver(clientId, frame),
    onUndeliverable: () => (this.undeliverable += 1),
  });

  #deliver(clientId: string, frame: string): boolean {
    if (!this.isOpen) return false;
    const { action, messagePayload, correlationId } = JSON.parse(frame);
    const payload = JSON.parse(Buffer.from(messagePayload, 'base64').toString());
    this.sent.push({ atMs: this.clock.monotonic(), action, clientId, correlationId, payload });
    return true;
  }

  of(action: string): Sent[] {
    return this.sent.filter((sent) => sent.action === action);
  }
}

/** The most in any window of one second. */
function busiestSecond(sent: Sent[]): number {
  return Math.max(
    0,
    ...sent.map(({ atMs }) => sent.filter((s) => s.atMs >= atMs && s.atMs < atMs + 1000).length),
  );
}

test('whatever is pushed when, the quotas hold, the order is kept and nothing within the bounds is lost', () => {
  const burst = fc.record({ waitMs: fc.nat(2_000), answers: fc.nat(6), candidates: fc.nat(50) });
  fc.assert(
    fc.property(fc.array(burst, { maxLength: 8 }), (bursts) => {
      const wire = new Wire();
      let answers = 0;
      let candidates = 0;
      for (const { waitMs, ...count } of bursts) {
        wire.clock.advance(waitMs);
        for (let i = 0; i < count.answers; i += 1) {
          assert.ok(wire.outbox.sendAnswer('v', `sdp ${answers++}`));
        }
        for (let i = 0; i < count.candidates; i += 1) {
          assert.ok(wire.outbox.sendCandidate('v', { candidate: `c ${candidates++}` }));
        }
      }
      wire.clock.advance(120_000);
      const sdps = wire.of('SDP_ANSWER');
      const trickled = wire.of('ICE_CANDIDATE');
      assert.deepEqual(
        sdps.map(({ payload }) => payload.sdp),
        Array.from({ length: answers }, (_, i) => `sdp ${i}`),
      );
      assert.deepEqual(
        trickled.map(({ payload }) => payload.candidate),
        Array.from({ length: candidates }, (_, i) => `c ${i}`),
      );
      assert.ok(busiestSecond(sdps) <= 5);
      assert.ok(busiestSecond(trickled) <= 20);
    }),
    { numRuns: 200 },
  );
});

test('the first answer goes at once', () => {
  const wire = new Wire();
  wire.outbox.sendAnswer('viewer-1', 'v=0');
  assert.deepEqual(
    wire.sent.map(({ atMs, clientId, payload }) => ({ atMs, clientId, payload })),
    [{ atMs: 0, clientId: 'viewer-1', payload: { type: 'answer', sdp: 'v=0' } }],
  );
});

test('a flood is refused, not kept', () => {
  const wire = new Wire();
  let accepted = 0;
  for (let i = 0; i < 10_000; i += 1) {
    if (wire.outbox.sendCandidate('v', { candidate: 'c' })) accepted += 1;
  }
  assert.ok(accepted < 600, String(accepted));
  wire.clock.advance(60_000);
  assert.equal(wire.sent.length, accepted);
});

test('what finds no connection when its turn comes is counted', () => {
  const wire = new Wire();
  for (let i = 0; i < 8; i += 1) wire.outbox.sendAnswer('v', `sdp ${i}`);
  wire.isOpen = false;
  wire.clock.advance(5_000);
  assert.equal(wire.sent.length, 5);
  assert.equal(wire.undeliverable, 3);
  wire.isOpen = true;
  wire.outbox.sendAnswer('v', 'later');
  assert.equal(wire.sent.at(-1)?.payload.sdp, 'later');
});

test('a status response is traced to the viewer it is about, once', () => {
  const wire = new Wire();
  wire.outbox.sendAnswer('viewer-1', 'a');
  wire.outbox.sendAnswer('viewer-2', 'b');
  const [, second] = wire.sent;
  assert.ok(second);
  assert.match(second.correlationId, /^[a-zA-Z0-9_.-]{1,256}$/);
  assert.equal(wire.outbox.takeRecipient(second.correlationId), 'viewer-2');
  assert.equal(wire.outbox.takeRecipient(second.correlationId), undefined);
});
