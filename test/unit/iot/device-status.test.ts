import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/config/layers.ts';
import { DeviceStatus, type CameraStatus } from '../../../src/iot/device-status.ts';
import type { Clock } from '../../../src/runtime/clock.ts';

test('the cameras as they are, with a heartbeat; times to the second, reasons bounded', async () => {
  let now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const beats: (() => void)[] = [];
  let beating = true;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: () => ({ cancel: () => undefined }),
    every: (intervalMs, callback) => {
      assert.equal(intervalMs, 60_000);
      beats.push(callback);
      return { cancel: () => (beating = false) };
    },
  };
  const cameras: Record<string, CameraStatus> = { front: { state: 'starting', viewers: 0 } };
  const reports: JsonObject[] = [];
  const status = new DeviceStatus({
    agentVersion: '1.2.3',
    cameras: () => cameras,
    report: (document) => reports.push(document),
    clock,
    heartbeatMs: 60_000,
  });
  status.update();
  assert.equal(reports.length, 0, 'nothing before the first heartbeat');
  const stop = new AbortController();
  const run = status.run(stop.signal);
  const common = { agentVersion: '1.2.3', startedAt: '2026-01-02T03:04:05Z', heartbeatSeconds: 60 };
  assert.deepEqual(reports, [
    { ...common, heartbeatAt: '2026-01-02T03:04:05Z', cameras: { front: { state: 'starting', viewers: 0 } } },
  ]);
  now += 30_000;
  cameras['front'] = { state: 'streaming', viewers: 2, rendition: 'high', lastFrameAt: now };
  cameras['back'] = { state: 'failed', viewers: 0, reason: 'x'.repeat(500) };
  status.update();
  assert.deepEqual(reports.at(-1), {
    ...common,
    heartbeatAt: '2026-01-02T03:04:05Z',
    cameras: {
      front: { state: 'streaming', viewers: 2, rendition: 'high', lastFrameAt: '2026-01-02T03:04:35Z' },
      back: { state: 'failed', viewers: 0, reason: 'x'.repeat(120) },
    },
  });
  now += 30_000;
  beats[0]?.();
  assert.equal(reports.at(-1)?.heartbeatAt, '2026-01-02T03:05:05Z');
  stop.abort();
  await run;
  assert.equal(beating, false);
});
