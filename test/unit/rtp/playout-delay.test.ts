import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compactNtpTime } from '../../../src/rtp/rtcp-build.ts';
import { TestCamera, watch, type Watching } from './sender-setup.ts';

const EXTENSION = 7;

function tellRoundTrip(camera: TestCamera, { sender }: Watching, roundTripMs: number): void {
  const lastSenderReport = compactNtpTime(camera.clock.now() - roundTripMs);
  const nothing = { fractionLost: 0, cumulativeLost: 0, highestSequence: 0, jitter: 0 };
  sender.onReportBlock(1, { ...nothing, ssrc: sender.ssrc, lastSenderReport, delaySinceLastSenderReport: 0 });
}

/** What the newest packet asks for: the least and the most, in steps of 10 ms of 12 bits each. */
function asked({ viewer }: Watching): { minMs: number; maxMs: number } | undefined {
  const value = viewer.packets.get(viewer.highest)!.extensions.get(EXTENSION)?.readUIntBE(0, 3);
  return value === undefined ? undefined : { minMs: 10 * (value >>> 12), maxMs: 10 * (value & 0xfff) };
}

test('while much is lost the viewer is asked to show the picture later, and not for longer', () => {
  const camera = new TestCamera();
  const watching = watch(camera, { playoutDelayExtension: EXTENSION });
  const { viewer, sender } = watching;
  sender.start();
  camera.gop(1);
  tellRoundTrip(camera, watching, 60);
  sender.setLink(0, 0.04);
  sender.setLink(0, 0.01);
  camera.capture();
  assert.equal(asked(watching), undefined, 'that may be chance');
  sender.setLink(0, 0.1);
  sender.setLink(0, 0.09);
  const delays = Array.from({ length: 45 }, () => {
    sender.setLink(0, 0.1);
    camera.capture();
    return asked(watching)?.minMs ?? 0;
  });
  assert.deepEqual(new Set(delays), new Set([100, 200, 220]), 'in steps that are no freeze');
  assert.ok(delays.filter((ms) => ms === 100).length >= 12, 'half a second apart');
  assert.deepEqual(asked(watching), { minMs: 220, maxMs: 10_000 });
  assert.equal(sender.stats().playoutDelayMs, 220);
  sender.setLink(0, 0);
  camera.clock.advance(10_000);
  sender.setLink(0, 0);
  camera.capture();
  assert.deepEqual(asked(watching), { minMs: 0, maxMs: 10_000 });
  assert.equal(sender.stats().playoutDelayMs, 0);
  assert.equal(viewer.refused, 0);
});

test('without RTX the header stays as it is: a packet must be repeated as it was', () => {
  const camera = new TestCamera();
  const watching = watch(camera, { playoutDelayExtension: EXTENSION, rtxOff: true });
  const { sender } = watching;
  sender.start();
  camera.gop(1);
  tellRoundTrip(camera, watching, 60);
  sender.setLink(0, 0.1);
  sender.setLink(0, 0.09);
  camera.capture();
  assert.equal(asked(watching), undefined);
  assert.equal(sender.stats().playoutDelayMs, 0);
});
