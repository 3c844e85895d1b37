import type { CameraChannelStatus } from './camera-channel.ts';
import type { Fault } from './metrics/alarms.ts';

/** A signaling connection that is away for less is about to be back. */
const SIGNALING_GRACE_MS = 60_000;
/** What is not recorded for less is about to be. */
const RECORDING_GRACE_MS = 60_000;

/** What of cameras raises alarms now. */
export function cameraFaults(
  cameras: Record<string, Pick<CameraChannelStatus, 'camera' | 'signaling' | 'recording'>>,
  nowMs: number,
): Fault[] {
  return Object.entries(cameras).flatMap(([camera, { camera: capture, signaling, recording }]) => {
    const faults: Fault[] = [];
    if (capture.state === 'failed')
      faults.push({ alarm: 'camera-failed', camera, reason: capture.reason ?? '' });
    if (signaling.state === 'fighting')
      faults.push({ alarm: 'channel-contended', camera, reason: signaling.reason });
    if (signaling.state === 'disconnected' && nowMs - signaling.since > SIGNALING_GRACE_MS)
      faults.push({ alarm: 'signaling-lost', camera, reason: signaling.reason });
    if (recording && recording.state !== 'recording' && nowMs - recording.since > RECORDING_GRACE_MS)
      faults.push({ alarm: 'recording-lost', camera, reason: recording.reason });
    return faults;
  });
}
