import type { ControlledViewer, Method } from './control.ts';
import { readSnapshotRequest, type Snapshots } from './snapshot.ts';

/** `{"width", "quality"}` → `{"type", "bytes", "capturedAt"}`, and behind it the JPEG as binary messages. */
export function snapshotMethod(snapshots: Snapshots): Method<ControlledViewer> {
  return {
    permission: 'snapshot',
    run: async (_viewer, params) => {
      const { data, captureTimeMs } = await snapshots.take(readSnapshotRequest(params));
      const result = { type: 'image/jpeg', bytes: data.length, capturedAt: Math.round(captureTimeMs) };
      return { result, attachment: data };
    },
  };
}
