import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cameraFaults } from '../../../src/camera-faults.ts';
import type { CameraStatus } from '../../../src/camera/camera-health.ts';
import type { SignalingStatus } from '../../../src/signaling/signaling-status.ts';
import type { StorageStatus } from '../../../src/webrtc/storage-status.ts';

const NOW_MS = Date.UTC(2025, 0, 1);
const LONG_AGO = NOW_MS - 61_000;
const JUST_NOW = NOW_MS - 59_000;

interface Condition {
  camera?: Partial<CameraStatus>;
  signaling?: Partial<SignalingStatus>;
  recording?: StorageStatus;
}

/** Alarms and reasons of a camera that is well but for this. */
function faultsOf({ camera, signaling, recording }: Condition): string[] {
  const front = {
    camera: { state: 'streaming', audio: 'on', restarts: 0, stalls: 0, tracks: {}, ...camera } as const,
    signaling: {
      state: 'connected',
      connected: true,
      since: LONG_AGO,
      reason: '',
      clockOffsetMs: 0,
      ...signaling,
    } as const,
    ...(recording && { recording }),
  };
  return cameraFaults({ front }, NOW_MS).map(
    ({ alarm, camera: name, reason }) => `${name} ${alarm}: ${reason}`,
  );
}

test('a camera that is well, or that nobody watches, raises no alarm', () => {
  assert.deepEqual(faultsOf({ recording: { state: 'recording', since: LONG_AGO, reason: '' } }), []);
  assert.deepEqual(faultsOf({ camera: { state: 'off' } }), []);
});

test('a camera without a picture raises the alarm of a lost recording after a minute, as does a session that is away', () => {
  const reason = 'the camera gives no picture';
  assert.deepEqual(faultsOf({ recording: { state: 'no-picture', since: JUST_NOW, reason } }), []);
  for (const state of ['no-picture', 'interrupted', 'failed', 'joining'] as const)
    assert.deepEqual(faultsOf({ recording: { state, since: LONG_AGO, reason } }), [
      `front recording-lost: ${reason}`,
    ]);
});

test('a camera that fails and a channel that two devices want are told at once, a lost connection after a minute', () => {
  const lost = { state: 'disconnected', connected: false, reason: 'no route' } as const;
  assert.deepEqual(faultsOf({ camera: { state: 'failed', reason: 'busy' } }), ['front camera-failed: busy']);
  assert.deepEqual(faultsOf({ signaling: { state: 'fighting', reason: 'two masters' } }), [
    'front channel-contended: two masters',
  ]);
  assert.deepEqual(faultsOf({ signaling: { ...lost, since: JUST_NOW } }), []);
  assert.deepEqual(faultsOf({ signaling: lost }), ['front signaling-lost: no route']);
});
